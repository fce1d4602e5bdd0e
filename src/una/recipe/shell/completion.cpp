#include "una/recipe/shell/completion.h"

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/os/shell_command.h"

namespace una::recipe {
namespace {

bool is_switch(const OptionHelp& key) { return key.kind == detail::FieldKind::kBool; }

std::string words(const CompletedCommand& command, bool switches_only) {
  std::vector<std::string> out;
  for (const OptionHelp& key : command.keys) {
    if (!switches_only || is_switch(key)) { out.push_back("--" + key.name); }
  }
  return join(out, " ");
}

std::string bash_script(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> names;
  std::string cases;
  for (const CompletedCommand& command : commands) {
    names.push_back(command.name);
    cases += cat("    ", command.name, ") keys=", shell_quoted(words(command, false)),
                 " switches=", shell_quoted(words(command, true)), " ;;\n");
  }
  return cat(R"(# bash completion of una: source <(una completion bash)
_una() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} keys= switches=
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W )",
             shell_quoted(join(names, " ") + " help --version"), R"( -- "$word"))
    return
  fi
  case ${COMP_WORDS[1]} in
)",
             cases, R"(    help) COMPREPLY=($(compgen -W )", shell_quoted(join(names, " ")),
             R"( -- "$word")); return ;;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$keys" -- "$word")) ;;
    *)
      case " $switches " in
        *" $before "*) COMPREPLY=($(compgen -W 'true false' -- "$word")) ;;
        *) COMPREPLY=($(compgen -f -- "$word")) ;;
      esac ;;
  esac
}
complete -o filenames -F _una una
)");
}

// zsh's _describe splits an entry at its first colon; names have none.
std::string described(const std::string& name, const std::string& text) {
  return shell_quoted(cat(name, ":", text));
}

std::string zsh_script(const std::vector<CompletedCommand>& commands) {
  std::string names, cases;
  for (const CompletedCommand& command : commands) {
    names += cat("    ", described(command.name, command.summary), "\n");
    cases += cat("    ", command.name, ")\n      switches=(", words(command, true), ")\n      keys=(\n");
    for (const OptionHelp& key : command.keys) {
      cases += cat("        ", described("--" + key.name, key.help), "\n");
    }
    cases += "      ) ;;\n";
  }
  return cat(R"(#compdef una
# zsh completion of una: una completion zsh > "${fpath[1]}/_una"
_una() {
  local -a names keys switches
  names=(
)",
             names, R"(  )
  if (( CURRENT == 2 )); then
    _describe command names
    return
  fi
  case $words[2] in
)",
             cases, R"(  esac
  if [[ $PREFIX == -* ]]; then
    _describe key keys
  elif (( ${switches[(Ie)$words[CURRENT-1]]} )); then
    compadd true false
  else
    _files
  fi
}
compdef _una una
)");
}

std::string fish_script(const std::vector<CompletedCommand>& commands) {
  std::string out = "# fish completion of una: una completion fish > ~/.config/fish/completions/una.fish\n";
  for (const CompletedCommand& command : commands) {
    out += cat("complete -c una -n __fish_use_subcommand -f -a ", command.name, " -d ",
               shell_quoted(command.summary), "\n");
  }
  for (const CompletedCommand& command : commands) {
    for (const OptionHelp& key : command.keys) {
      out += cat("complete -c una -n '__fish_seen_subcommand_from ", command.name, "' -l ", key.name,
                 is_switch(key) ? " -x -a 'true false'" : " -r", " -d ", shell_quoted(key.help), "\n");
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<CompletedCommand>& commands) {
  if (shell == "bash") { return bash_script(commands); }
  if (shell == "zsh") { return zsh_script(commands); }
  if (shell == "fish") { return fish_script(commands); }
  throw InputError(cat("completion: the shell '", shell, "' is unknown, choose bash, zsh or fish"));
}

}  // namespace una::recipe
