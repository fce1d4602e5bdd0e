"use strict";
// One exchange at a time: ask, read the answers, vote. The server knows which model wrote which answer; this page does
// not, until the vote is written. Text of a model is only ever set as textContent.
const $ = (id) => document.getElementById(id);
const token = new URLSearchParams(location.hash.slice(1)).get("t") || "";
const state = { turns: [], exchange: null, texts: [], ended: [], choice: null, marked: 0, scoring: false, two: true,
  chat: true, prompts: 0, since: 0, busy: false, last: null, before: null };

const draft = {
  load() { try { return sessionStorage.getItem("una-draft") || ""; } catch { return ""; } },
  save(text) { try { sessionStorage.setItem("una-draft", text); } catch { /* private mode: the draft is not kept */ } },
};

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

function banner(text) {
  $("banner").textContent = text;
  $("banner").hidden = text === "";
}

async function post(path, body) {
  const answer = await fetch("chat/" + path, { method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-Una-Token": token } });
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Error(told.error ? told.error.message : "the server answered " + answer.status);
  }
  return answer;
}

// Calls take(data) for each event of a stream.
async function events(answer, take) {
  const reader = answer.body.getReader(), decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const data = text.slice(0, end).replace(/^data: /, "");
      text = text.slice(end + 2);
      if (data === "[DONE]") return true;
      take(JSON.parse(data));
    }
  }
  return false;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const letter = (i) => (state.two ? (i === 0 ? "Answer A" : "Answer B") : "Answer");

function showTurns() {
  $("turns").replaceChildren(...state.turns.map((turn) => {
    const box = element("article", "turn");
    box.append(element("h2", "", turn.role === "user" ? "You" : "Answer"), element("p", "text", turn.content));
    return box;
  }));
}

function showAnswers() {
  const boxes = state.texts.map((text, i) => {
    const box = element("article", "answer");
    box.id = "answer-" + i;
    box.setAttribute("aria-busy", String(!state.ended[i]));
    box.append(element("h2", "", letter(i)), element("p", "text", text));
    return box;
  });
  $("answers").replaceChildren(...boxes);
  $("answers").hidden = boxes.length === 0;
  mark(state.marked);
}

function mark(i) {
  state.marked = i;
  for (const box of $("answers").children) box.classList.toggle("marked", state.two && box.id === "answer-" + i);
}

const kinds = () => state.two
  ? [["a", "A is better"], ["b", "B is better"], ["tie", "Tie"], ["bad", "Both bad"]]
  : state.scoring ? Array.from({ length: 10 }, (_, i) => ["score-" + (i + 1), String(i + 1)])
    : [["down", "Bad"], ["up", "Good"]];

function showChoices() {
  $("choices").replaceChildren(...kinds().map(([kind, name]) => {
    const button = element("button", "", name);
    button.type = "button";
    button.dataset.kind = kind;
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => choose(kind));
    return button;
  }));
  choose(state.choice);
}

function choose(kind) {
  state.choice = kind;
  if (kind === "a" || kind === "b") mark(kind === "a" ? 0 : 1);
  const buttons = [...$("choices").children];
  buttons.forEach((button, i) => {
    const on = button.dataset.kind === kind;
    button.setAttribute("aria-checked", String(on));
    button.tabIndex = on || (kind === null && i === 0) ? 0 : -1;
  });
  $("strengths").hidden = !(kind === "a" || kind === "b");
}

function strength(value) {
  $("strength").value = Math.max(0, Math.min(3, value));
  $("strength-said").textContent = ["not said", "slightly", "clearly", "far"][Number($("strength").value)];
}

function openVote() {
  state.since = performance.now();
  state.choice = null;
  strength(0);
  $("note").value = "";
  $("editing").hidden = true;
  $("vote").hidden = false;
  showChoices();
  $("choices").firstElementChild.focus();
  $("result").textContent = state.two ? "Both answers are complete." : "The answer is complete.";
}

function closeExchange() {
  Object.assign(state, { exchange: null, texts: [], ended: [], choice: null });
  $("vote").hidden = true;
  showAnswers();
}

async function ask(body) {
  if (state.busy) return;
  state.busy = true;
  $("send").disabled = true;
  banner("");
  $("result").textContent = "";
  Object.assign(state, { texts: state.two ? ["", ""] : [""], ended: state.two ? [false, false] : [false], marked: 0 });
  $("vote").hidden = true;
  state.before = body;
  showAnswers();
  try {
    const whole = await events(await post("ask", body), (event) => {
      if (event.error) throw new Error(event.error.message);
      if (event.exchange) state.exchange = event.exchange;
      if (event.answer === undefined) return;
      state.texts[event.answer] += event.text;
      state.ended[event.answer] = Boolean(event.end);
      const box = $("answer-" + event.answer);
      box.lastElementChild.textContent = state.texts[event.answer];
      box.setAttribute("aria-busy", String(!event.end));
    });
    if (!whole) throw new Error("the connection ended within an answer");
    draft.save("");
    openVote();
  } catch (error) {
    banner("No whole answer came: " + error.message + ". Nothing was lost; send the prompt again.");
    if (state.turns.length > 0 && state.turns[state.turns.length - 1].role === "user") {
      $("prompt").value = state.turns.pop().content;
    }
    showTurns();
    closeExchange();
    $("prompt").focus();
  } finally {
    state.busy = false;
    $("send").disabled = false;
  }
}

function send() {
  const text = $("prompt").value;
  if (text.trim() === "" || state.busy || state.exchange) return;
  if (!state.chat) state.turns = [];
  state.turns.push({ role: "user", content: text });
  $("prompt").value = "";
  showTurns();
  ask({ messages: state.turns });
}

function voteBody() {
  const kind = state.choice || "";
  const body = { vote: newId(), exchange: state.exchange, note: $("note").value,
    seconds: Math.round(performance.now() - state.since) / 1000 };
  if (!$("editing").hidden) return { ...body, kind: "edit", answer: state.marked, edited: $("edited").value };
  if (kind === "a" || kind === "b") {
    const far = Number($("strength").value);
    return { ...body, kind: "better", answer: kind === "a" ? 0 : 1, ...(far > 0 ? { strength: far } : {}) };
  }
  if (kind === "tie" || kind === "bad") return { ...body, kind };
  if (kind === "up" || kind === "down") return { ...body, kind: "thumb", up: kind === "up", answer: 0 };
  if (kind.startsWith("score-")) return { ...body, kind: "score", score: Number(kind.slice(6)), answer: 0 };
  return null;
}

// The same vote is sent again until the server has answered; it writes one id once.
async function saveVote(body) {
  for (let tries = 0; ; ++tries) {
    try {
      return await (await post("vote", body)).json();
    } catch (error) {
      if (!(error instanceof TypeError) || tries === 4) throw error; // TypeError: no answer came
      await new Promise((wait) => setTimeout(wait, 300 * 2 ** tries));
    }
  }
}

async function save() {
  if (state.busy || !state.exchange) return;
  const body = voteBody();
  if (!body) { $("result").textContent = "Choose first: 1, 2, 0 or x."; return; }
  state.busy = true;
  try {
    const told = await saveVote(body);
    state.last = body.vote;
    $("undo").disabled = false;
    const names = told.models.map((name, i) => letter(i) + ": " + name).join(", ");
    $("result").textContent = "Saved. " + names + (told.agreement ? ". " + told.agreement : "");
    $("count").textContent = told.votes + (told.votes === 1 ? " vote" : " votes");
    if (state.chat) {
      state.turns.push({ role: "assistant", content: body.kind === "edit" ? body.edited : state.texts[state.marked] });
    }
    state.busy = false;
    closeExchange();
    if (state.prompts > 0) { await next(); } else { showTurns(); $("prompt").focus(); }
  } catch (error) {
    banner("The vote is not written yet: " + error.message + ". Save again.");
  } finally {
    state.busy = false;
  }
}

async function next() {
  state.turns = [];
  closeExchange();
  try {
    const told = await (await post("next", {})).json();
    if (told.done) { $("result").textContent = "That was the last prompt. " + (told.agreement || ""); showTurns(); return; }
    state.turns = told.messages;
    showTurns();
    await ask(told.exchange ? { exchange: told.exchange } : { messages: told.messages });
  } catch (error) {
    banner(error.message);
  }
}

async function undo() {
  if (!state.last || state.busy) return;
  try {
    const told = await (await post("undo", { vote: state.last })).json();
    $("count").textContent = told.votes + (told.votes === 1 ? " vote" : " votes");
    $("result").textContent = "The last vote was taken back.";
    state.last = null;
    $("undo").disabled = true;
  } catch (error) {
    banner(error.message);
  }
}

function skip() {
  if (state.busy || !state.exchange) return;
  if (state.turns.length > 0 && state.turns[state.turns.length - 1].role === "user") state.turns.pop();
  closeExchange();
  if (state.prompts > 0) { next(); } else { showTurns(); $("prompt").focus(); }
}

function edit() {
  if (!state.exchange) return;
  $("editing").hidden = false;
  $("edited").value = state.texts[state.marked];
  $("edited").focus();
}

function fresh() {
  if (state.busy) return;
  state.turns = [];
  closeExchange();
  showTurns();
  $("prompt").focus();
}

// Keys while no field has the focus.
function press(key) {
  if (key === "?") { $("keys").open = !$("keys").open; return true; }
  if (key === "u") { undo(); return true; }
  if ($("vote").hidden) return false;
  const pairs = { "1": "a", "2": "b", "0": "tie", "x": "bad" };
  if (state.two && pairs[key]) { choose(pairs[key]); return true; }
  if (!state.two && key === "t") { state.scoring = !state.scoring; state.choice = null; showChoices(); return true; }
  if (!state.two && (key === "j" || key === "k")) {
    if (state.scoring) { state.scoring = false; showChoices(); }
    choose(key === "j" ? "down" : "up");
    return true;
  }
  if (!state.two && /^[0-9]$/.test(key)) {
    if (!state.scoring) { state.scoring = true; showChoices(); }
    choose("score-" + (key === "0" ? 10 : key));
    return true;
  }
  const others = { "+": () => strength(Number($("strength").value) + 1), "-": () => strength(Number($("strength").value) - 1),
    "Enter": save, "r": () => { if (!state.busy && state.before) ask({ messages: state.turns }); }, "s": skip, "e": edit,
    "n": () => $("note").focus() };
  if (!others[key]) return false;
  others[key]();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const at = event.target, radio = at.getAttribute && at.getAttribute("role") === "radio";
  if (radio && ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"].includes(event.key)) {
    const all = [...$("choices").children], step = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : -1;
    const to = all[(all.indexOf(at) + step + all.length) % all.length];
    choose(to.dataset.kind);
    to.focus();
    event.preventDefault();
    return;
  }
  if (at.id === "prompt") {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); send(); }
    return;
  }
  if (at.id === "edited" || at.id === "note" || at.id === "strength") {
    if (event.key === "Escape") { at.blur(); $("choices").firstElementChild.focus(); }
    if (at.id === "note" && event.key === "Enter") { event.preventDefault(); save(); }
    return;
  }
  const plainButton = at.tagName === "BUTTON" && !radio;
  if ((plainButton && (event.key === "Enter" || event.key === " ")) || at.tagName === "SUMMARY") return;
  if (press(event.key)) event.preventDefault();
});

$("ask").addEventListener("submit", (event) => { event.preventDefault(); send(); });
$("prompt").addEventListener("input", () => draft.save($("prompt").value));
$("save").addEventListener("click", save);
$("edit").addEventListener("click", edit);
$("again").addEventListener("click", () => press("r"));
$("skip").addEventListener("click", skip);
$("undo").addEventListener("click", undo);
$("next").addEventListener("click", next);
$("fresh").addEventListener("click", fresh);
$("strength").addEventListener("input", () => strength(Number($("strength").value)));

(async () => {
  $("prompt").value = draft.load();
  try {
    const told = await (await post("setup", {})).json();
    Object.assign(state, { two: told.answers === 2, chat: told.chat, prompts: told.prompts });
    $("count").textContent = told.votes + (told.votes === 1 ? " vote" : " votes");
    $("choices").setAttribute("aria-label", state.two ? "Which answer is better?" : "How good is the answer?");
    $("next").hidden = state.prompts === 0;
    if (state.prompts > 0) { await next(); } else { $("prompt").focus(); }
  } catch (error) {
    banner(token ? error.message : "Open the address that una chat printed, with the part behind the #.");
  }
})();
