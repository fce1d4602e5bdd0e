// The expected strings were confirmed with transformers 5.23 (apply_chat_template);
// tests/parity/text_parity.py compares many more.
#include "una/text/chat_template.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::text {
namespace {

const char* kSpecial = R"({"bos_token": "<s>", "eos_token": "</s>"})";
const char* kTools = R"([{"name": "now", "parameters": {"b": 1, "a": [1.0, true, null, "é<'\"\n"]}}])";

std::vector<Message> conversation() {
  return {{"system", "Be brief. ", ""}, {"user", "Grüezi <b>", ""}, {"assistant", " hi\n", ""}};
}

Rendered render(const char* source, const RenderOptions& options = {}) {
  return ChatTemplate(source, kSpecial, "here").render(conversation(), options);
}

std::string refusal(const char* source, const std::vector<Message>& messages,
                    const RenderOptions& options = {}) {
  try {
    const ChatTemplate t(source, kSpecial, "here");
    return "rendered: " + t.render(messages, options).text;
  } catch (const InputError& error) { return error.what(); }
}

TEST(ChatTemplate, TrimsBlocksAndKeepsTheRest) {
  const char* source =
      "{% for m in messages %}\n"
      "  {%- if loop.first %}\n"
      "    {{ bos_token }}\n"
      "  {% endif %}\n"
      "  {% if m.role == 'user' %}\n"
      "[{{ m.content -}}  ]\n"
      "  {%- endif +%}\n"
      "{% endfor %}\n"
      "end\n";
  const char* expected =
      "    <s>\n"
      "\n"
      "[Grüezi <b>]\n"
      "\n"
      "end";
  EXPECT_EQ(render(source).text, expected);
}

TEST(ChatTemplate, LoopsHaveTheirVariablesBreakAndContinue) {
  const char* source =
      "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}"
      "{{ loop.last }}{{ loop.length }}{% if loop.previtem is defined %}<"
      "{{ loop.previtem.role }}{% endif %}{% if loop.nextitem is defined %}>"
      "{{ loop.nextitem.role }}{% endif %};{% endfor %}{% for i in range(9) %}"
      "{% if i == 1 %}{% continue %}{% elif i == 4 %}{% break %}{% endif %}{{ i }}"
      "{% else %}none{% endfor %}{% for i in [] %}{% else %}none{% endfor %}"
      "{% for m in messages if m.role != 'system' %}{{ loop.index }}{% endfor %}";
  const char* expected = "10TrueFalse3>user;21FalseFalse3<system>assistant;32FalseTrue3<user;023none12";
  EXPECT_EQ(render(source).text, expected);
}

TEST(ChatTemplate, ScopesAreThoseOfJinja) {
  const char* source =
      "{% set ns = namespace(n=0, seen=[]) %}{% set x = 1 %}{% for m in messages %}"
      "{% set x = 2 %}{% set ns.n = ns.n + 1 %}{% set ns.seen = ns.seen + [m.role] %}"
      "{% endfor %}{{ x }} {{ ns.n }} {{ ns.seen }}{% set body %}{{ x }}!{% endset %} "
      "{{ body }}{% with y = 3 %}{{ y }}{% endwith %}{{ y is defined }}";
  const char* expected = "1 3 ['system', 'user', 'assistant'] 1!3False";
  EXPECT_EQ(render(source).text, expected);
}

TEST(ChatTemplate, MacrosAndCallBlocksSeeOuterVariables) {
  const char* source =
      "{% macro show(m, end='.', mark=none) %}{{ m.role|upper }}{{ mark }}{{ end }}"
      "{{ later }}{% endmacro %}{% set later = 'L' %}{% macro wrap(a) %}<{{ caller() }}"
      "{{ a }}>{% endmacro %}{% for m in messages %}{{ show(m) }}{{ show(m, end='!') }}"
      "{% call wrap(loop.index) %}{{ messages[loop.index0:]|length }}{% endcall %}"
      "{% endfor %}{% macro deep(n) %}{{ n }}{% if n %}{{ deep(n - 1) }}{% endif %}"
      "{% endmacro %}{{ deep(2) }}";
  const char* expected =
      "SYSTEMNone.LSYSTEMNone!L<31>USERNone.LUSERNone!L<22>ASSISTANTNone.LASSISTANTNone"
      "!L<13>210";
  EXPECT_EQ(render(source).text, expected);
}

TEST(ChatTemplate, ToJsonIsPythonsJsonDumps) {
  const char* source =
      "{{ tools[0]|tojson }}\n"
      "{{ tools|tojson(indent=2) }}\n"
      "{{ tools[0].parameters|tojson(sort_keys=true, separators=(',', ':'), ensure_asci"
      "i=true) }}\n"
      "{{ 1e20|tojson }} {{ []|tojson(indent=4) }} {{ '</a>&'|tojson }}";
  const char* expected =
      "{\"name\": \"now\", \"parameters\": {\"b\": 1, \"a\": [1.0, true, null, \"é<'\\\"\\n\"]}}\n"
      "[\n"
      "  {\n"
      "    \"name\": \"now\",\n"
      "    \"parameters\": {\n"
      "      \"b\": 1,\n"
      "      \"a\": [\n"
      "        1.0,\n"
      "        true,\n"
      "        null,\n"
      "        \"é<'\\\"\\n\"\n"
      "      ]\n"
      "    }\n"
      "  }\n"
      "]\n"
      "{\"a\":[1.0,true,null,\"\\u00e9<'\\\"\\n\"],\"b\":1}\n"
      R"J(1e+20 [] "</a>&")J";
  EXPECT_EQ(render(source, {.tools = kTools}).text, expected);
}

TEST(ChatTemplate, ValuesPrintAsInPython) {
  const char* source =
      "{{ none }} {{ true }} {{ 2.0 }} {{ 1e20 }} {{ 7 / 2 }} {{ 7 // 2 }} "
      R"J({{ ['a', "it's", 1.5, none, {'k': true}] }} {{ missing }}|{{ 'a' ~ 1 ~ none }} )J"
      "{{ [1]|string + 'x' }}";
  const char* expected = R"J(None True 2.0 1e+20 3.5 3 ['a', "it's", 1.5, None, {'k': True}] |a1None [1]x)J";
  EXPECT_EQ(render(source).text, expected);
}

TEST(ChatTemplate, StringsHavePythonsMethods) {
  const char* source = R"J({{ ' ab '.strip() }}|{{ 'xxabxx'.lstrip('x') }}|{{ 'ab\n'.rstrip() }}|)J"
                       "{{ 'a,b,c'.split(',') }}|{{ 'a,b,c'.split(',', 1)[-1] }}|{{ 'a  b'.split() }}|"
                       "{{ 'ab'.startswith(('x', 'a')) }}|{{ 'ab'.endswith('b') }}|"
                       "{{ 'aXa'.replace('a', 'b', 1) }}|{{ 'éab'.find('b') }}|{{ 'they are'.title() }}|"
                       "{{ 'aBC'.capitalize() }}|{{ '-'.join(['a', 'b']) }}|"
                       "{{ 'a</think>b'.split('</think>')[0] }}|{{ 'abc'[::-1] }}{{ 'abc'[-2:] }}|"
                       R"J({{ 'ab'.removeprefix('a') }}|{{ '7'.zfill(3) }}|{{ 'a\nb'.splitlines() }}|)J"
                       "{{ 'AB'.isupper() }}";
  const char* expected =
      "ab|abxx|ab|['a', 'b', 'c']|b,c|['a', 'b']|True|True|bXa|2|They Are|Abc|a-b|a|cba"
      "bc|b|007|['a', 'b']|True";
  EXPECT_EQ(render(source).text, expected);
}

TEST(ChatTemplate, DictsHavePythonsMethods) {
  const char* source =
      "{% set d = tools[0].parameters %}{% for k, v in d.items() %}{{ k }}={{ v }};"
      "{% endfor %}{{ d.get('zz') }} {{ d.get('zz', 5) }} {{ d.keys()|list }} "
      "{{ d.values()|list|length }} {{ 'b' in d }} {{ d.b }}{{ d['b'] }}"
      "{{ d.zz is defined }} {{ d.items is defined }} {{ dict(a=1).a }}";
  const char* expected = R"J(b=1;a=[1.0, True, None, 'é<\'"\n'];None 5 ['b', 'a'] 2 True 11False True 1)J";
  EXPECT_EQ(render(source, {.tools = kTools}).text, expected);
}

TEST(ChatTemplate, TestsAnswerAsInJinja) {
  const char* source =
      "{{ 'a' is string }} {{ messages is sequence }} {{ messages is iterable }} "
      "{{ tools[0] is mapping }} {{ 'a' is iterable }} {{ 3 is number }} "
      "{{ true is number }} {{ true is integer }} {{ none is none }} "
      "{{ missing is undefined }} {{ 3 is odd }} {{ 4 is divisibleby 2 }} "
      "{{ true is true }} {{ 'a' is not mapping }} {{ tools[0] is sequence }} "
      "{{ range is callable }} {{ 'x' is in ['x'] }}";
  const char* expected =
      "True True True True True True True False True True True True True True True True"
      " True";
  EXPECT_EQ(render(source, {.tools = kTools}).text, expected);
}

TEST(ChatTemplate, FiltersAreThoseOfJinja) {
  const char* source =
      "{{ '  a '|trim }}|{{ messages|length }}|{{ missing|default('d') }}|"
      "{{ ''|default('d', true) }}|{{ ['b', 'a']|sort|join(', ') }}|"
      "{{ messages|map(attribute='role')|list }}|"
      "{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|first }}|"
      "{{ messages|rejectattr('role', 'in', ['user'])|list|length }}|"
      R"J({{ {'b': 1, 'a': 2}|dictsort|map('first')|join }}|{{ 'a\nb'|indent(2) }}|)J"
      "{{ '12'|int + 1 }}|{{ 'x'|int }}|{{ 2.567|round(1) }}|{{ 'ab'|replace('a', 'c') }}|"
      "{{ [3, 1]|min }}|{{ 'a b'|title }}|{{ [1, 2, 3]|last }}|{{ 'a<'|e }}|{{ 'x'|safe }}|"
      "{{ 'abc'|list }}";
  const char* expected =
      "a|3|d|d|a, b|['system', 'user', 'assistant']|Grüezi <b>|2|ab|a\n"
      "  b|13|0|2.6|cb|1|A B|3|a&lt;|x|['a', 'b', 'c']";
  EXPECT_EQ(render(source).text, expected);
}

TEST(ChatTemplate, TheClockStandsAtTheGivenDay) {
  const char* source = "{{ strftime_now('%d %b %Y') }} {{ strftime_now('%A, %B %-d, %Y %H:%M') }}";
  const char* expected = "26 Jul 2024 Friday, July 26, 2024 00:00";
  EXPECT_EQ(render(source).text, expected);
}

TEST(ChatTemplate, KwargsOverrideTheSpecialTokens) {
  const char* source =
      "{{ bos_token }} {{ eos_token }} {{ tools is none }} {{ documents is none }} "
      "{{ add_generation_prompt }} {{ enable_thinking }}";
  const char* expected = "<s> <E> True True False False";
  EXPECT_EQ(render(source, {.template_kwargs = R"({"enable_thinking": false, "eos_token": "<E>"})"}).text,
            expected);
}

TEST(ChatTemplate, GenerationBlocksGiveByteSpans) {
  const char* source =
      "{% for m in messages %}\n"
      "{%- if m.role == 'assistant' %}\n"
      "  {%- generation -%}\n"
      "  {% set ns = namespace(a=1) %}é{{ m.content }}{% for n in messages[loop.index0:] %}"
      "{% set ns.a = 2 %}{% endfor %}{{ ns.a }}{{ eos_token }}\n"
      "  {%- endgeneration -%}\n"
      "{% else %}\n"
      "<{{ m.role }}>{{ m.content }}\n"
      "{% endif %}\n"
      "{% endfor %}";
  const char* expected =
      "<system>Be brief. \n"
      "<user>Grüezi <b>\n"
      "é hi\n"
      "2</s>";
  const Rendered rendered = render(source);
  EXPECT_EQ(rendered.text, expected);
  const std::vector<std::pair<std::size_t, std::size_t>> spans = {{37, 48}};
  EXPECT_EQ(rendered.generation, spans);
}

TEST(ChatTemplate, TheDayCanBeSet) {
  const char* source = "{{ strftime_now('%d %b %Y') }}";
  EXPECT_EQ(render(source, {.date = "1 Mar 2025"}).text, "01 Mar 2025");
  EXPECT_EQ(render(source, {.date = "2025-03-01"}).text, "01 Mar 2025");
  EXPECT_THROW(render(source, {.date = "30 Feb 2025"}), InputError);
}

TEST(ChatTemplate, SaysWhetherItMarksGeneration) {
  const auto marks = [](const char* source) { return ChatTemplate(source, "", "here").marks_generation(); };
  EXPECT_TRUE(marks("{%- generation -%}a{%- endgeneration -%}"));
  EXPECT_FALSE(marks("{# {% generation %} #}{{ '{% generation %}' }}{% raw %}{% generation %}{% endraw %}"));
}

TEST(ChatTemplate, FurtherMembersOfAMessageAreMergedAndNullsDropped) {
  const ChatTemplate t("{% for m in messages %}{{ m|tojson }}{% endfor %}", "", "here");
  EXPECT_EQ(t.render({{"user", "a", R"({"name": "Ann", "weight": null})"}}, {}).text,
            R"({"role": "user", "content": "a", "name": "Ann"})");
  EXPECT_EQ(t.render({{"user", "", R"({"content": [{"type": "text", "text": "b"}]})"}}, {}).text,
            R"({"role": "user", "content": [{"type": "text", "text": "b"}]})");
  EXPECT_EQ(t.render({{"assistant", "4", R"({"reasoning": "2+2"})"}}, {}).text,
            R"({"thinking": "2+2", "role": "assistant", "content": "4", "reasoning": "2+2", )"
            R"("reasoning_content": "2+2"})");
}

TEST(ChatTemplate, ContinuesTheFinalMessage) {
  const RenderOptions go_on{.continue_final_message = true};
  const char* plain = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}\n{% endfor %}";
  const char* trimmed =
      "{% for m in messages %}<{{ m.role }}>{{ m.content|trim }}{{ eos_token }}{% endfor %}";
  const std::vector<Message> messages = {{"user", "u ", ""}, {"assistant", " hi \n", ""}};
  EXPECT_EQ(ChatTemplate(plain, kSpecial, "here").render(messages, go_on).text,
            "<user>u </s>\n<assistant> hi \n");
  EXPECT_EQ(ChatTemplate(trimmed, kSpecial, "here").render(messages, go_on).text, "<user>u</s><assistant>hi");
  EXPECT_NE(refusal("{{ messages[0].content }}", messages, go_on).find("cannot be continued"),
            std::string::npos);
  EXPECT_NE(refusal(plain, messages, {.add_generation_prompt = true, .continue_final_message = true})
                .find("not both"),
            std::string::npos);
}

TEST(ChatTemplate, ARefusalCarriesTheTemplatesOwnWords) {
  const char* source =
      "{% for m in messages %}{% if m.role != 'user' %}"
      "{{ raise_exception('Roles must alternate, not ' + m.role) }}{% endif %}{% endfor %}";
  EXPECT_EQ(refusal(source, conversation()),
            "here: the chat template refuses the conversation: Roles must alternate, not system");
}

TEST(ChatTemplate, BadTemplatesAndRowsAreOneSentence) {
  const std::vector<Message> one = {{"user", "a", ""}};
  EXPECT_NE(refusal("a\n{% if %}", one).find("line 2"), std::string::npos);
  EXPECT_NE(refusal("{{ messages.nothing() }}", one).find("line 1"), std::string::npos);
  EXPECT_NE(refusal("{{ missing.attribute }}", one).find("undefined"), std::string::npos);
  EXPECT_NE(refusal("{{ messages.append(1) }}", one).find("may not"), std::string::npos);
  EXPECT_NE(refusal("x", {}).find("at least one message"), std::string::npos);
  EXPECT_NE(refusal("x", {{"user", "\xFF", ""}}).find("UTF-8"), std::string::npos);
  EXPECT_NE(refusal("x", {{"user", "a", "[1]"}}).find("JSON object"), std::string::npos);
  EXPECT_NE(refusal("x", one, {.tools = "{}"}).find("tools"), std::string::npos);
  EXPECT_NE(refusal("x", one, {.template_kwargs = "{"}).find("not valid JSON"), std::string::npos);
}

TEST(ChatTemplate, EndlessTemplatesAreStopped) {
  const std::vector<Message> one = {{"user", "a", ""}};
  const char* loops = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}";
  EXPECT_NE(refusal(loops, one).find("too many steps"), std::string::npos);
  const char* recursion = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
  EXPECT_NE(refusal(recursion, one).find("recursion"), std::string::npos);
}

// Each of them took all memory, overflowed the stack, or ran for a minute and more.
TEST(ChatTemplate, HostileTemplatesEndInASentence) {
  const auto refused = [](const std::string& source) {
    const std::string sentence = refusal(source.c_str(), conversation());
    EXPECT_EQ(sentence.rfind("here: ", 0), 0U) << sentence;
    return sentence;
  };
  std::string chain = "{{ 1";
  for (int i = 0; i < 20'000; ++i) { chain += "+1"; }
  EXPECT_NE(refused(chain + " }}").find("more than 1000 operators"), std::string::npos);
  EXPECT_NE(
      refused(
          "{% set a = namespace() %}{% set a.x = a %}{% set b = namespace() %}{% set b.x = b %}{{ a == b }}")
          .find("a namespace would hold itself"),
      std::string::npos);
  for (const char* source :
       {"{{ '{:>99999999999}'.format('a') }}", "{{ [1]|batch(10**12)|list }}",
        "{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}"}) {
    refused(source);
  }
}

TEST(ChatTemplate, TheLimitsOfARenderingAreGiven) {
  const char* source = "{% set x = 'a' * 3000000 %}{{ x|length }}";
  EXPECT_EQ(ChatTemplate(source, kSpecial, "here").render(conversation(), {}).text, "3000000");
  const ChatTemplate tight(source, kSpecial, "here", {.megabytes = 16, .seconds = 10});
  EXPECT_THROW(tight.render(conversation(), {}), InputError);
  EXPECT_THROW(ChatTemplate("", kSpecial, "here", {.megabytes = 0, .seconds = 10}), InputError);
  EXPECT_THROW(ChatTemplate("", kSpecial, "here", {.megabytes = 16, .seconds = 0}), InputError);
}

TEST(ChatTemplate, ComputingWithoutEndOrAllocationEndsTheProgramWithASentence) {
  // One expression: 8,192 texts of 8 MB each are compared, all equal up to their last letter.
  const char* source =
      "{% set b = 'a' * 8000000 %}{% set c = b ~ 'c' %}{% set n = namespace(l=[b ~ 'b'] | list) %}"
      "{% for i in range(13) %}{% set n.l = n.l + n.l %}{% endfor %}{{ c in n.l }}";
  const ChatTemplate t(source, kSpecial, "here", {.megabytes = 512, .seconds = 0.2});
  EXPECT_EXIT(t.render(conversation(), {}), testing::ExitedWithCode(2),
              "una: rendering the chat template takes more than 0.2 s");
  EXPECT_EQ(ChatTemplate("{{ 1 }}", kSpecial, "here").render(conversation(), {}).text, "1");
}

TEST(ChatTemplate, ARenderingLeavesNoTraceForTheNext) {
  const ChatTemplate t("{% if tools %}{{ raise_exception('no') }}{% endif %}{{ strftime_now('%Y') }}", "",
                       "here");
  EXPECT_THROW(t.render(conversation(), {.tools = kTools, .date = "2020-01-01"}), InputError);
  EXPECT_EQ(t.render(conversation(), {}).text, "2024");
}

TEST(ChatTemplate, IsFoundInAFolder) {
  const auto text = [](const std::string& folder, const std::string& path, bool tools) {
    const auto t = load_chat_template(folder, kSpecial, path, tools);
    return t ? t->render(conversation(), {}).text : "none";
  };
  const std::string folder = test_folder("template");
  EXPECT_EQ(text(folder, "", false), "none");
  write_file(folder + "/chat_template.json", R"({"chat_template": "processor"})");
  EXPECT_EQ(text(folder, "", false), "processor");
  write_file(folder + "/tokenizer_config.json", R"({"chat_template": "config {{ bos_token }}"})");
  EXPECT_EQ(text(folder, "", false), "config <s>");
  write_file(folder + "/tokenizer_config.json", R"({"chat_template": [
      {"name": "default", "template": "default"}, {"name": "tool_use", "template": "tools"}]})");
  EXPECT_EQ(text(folder, "", false), "default");
  EXPECT_EQ(text(folder, "", true), "tools");
  write_file(folder + "/chat_template.jinja", "file");
  EXPECT_EQ(text(folder, "", false), "file");
  write_file(folder + "/given.jinja", "given");
  EXPECT_EQ(text(folder, folder + "/given.jinja", false), "given");
  EXPECT_THROW(text(folder, folder + "/absent.jinja", false), InputError);
}

TEST(ChatTemplate, ItsTextIsThatOfTheDefaultTemplate) {
  const std::string folder = test_folder("template_source");
  EXPECT_EQ(chat_template_source(folder), "");
  write_file(folder + "/tokenizer_config.json", R"({"chat_template": [
      {"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain {{ x }}"}]})");
  EXPECT_EQ(chat_template_source(folder), "plain {{ x }}");
  write_file(folder + "/chat_template.jinja", "file");
  EXPECT_EQ(chat_template_source(folder), "file");
}

TEST(ChatTemplate, AListWithoutADefaultIsRefused) {
  const std::string folder = test_folder("template_list");
  write_file(folder + "/tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "x"}]})");
  EXPECT_THROW(load_chat_template(folder, "", "", false), InputError);
  write_file(folder + "/tokenizer_config.json", R"({"chat_template": 3})");
  EXPECT_THROW(load_chat_template(folder, "", "", false), InputError);
  write_file(folder + "/tokenizer_config.json", R"({"chat_template": null})");
  EXPECT_FALSE(load_chat_template(folder, "", "", false).has_value());
}

}  // namespace
}  // namespace una::text
