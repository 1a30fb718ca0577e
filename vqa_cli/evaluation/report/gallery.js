"use strict";
// Shows the questions that lie in the page as JSON: filtered, ordered, a page at a time.
// Every text is set as text, never as HTML. The filters stand in the address after "#", so that
// links within the page can set them, and a reload keeps them.
(() => {
  const PER_PAGE = 24;
  const VERDICTS = {
    "": "All", right: "✓ Right", partly: "◐ Partly", wrong: "✗ Wrong", unscored: "– Not scored",
  };
  const data = JSON.parse(document.getElementById("questions").textContent);
  const chunks = [...document.querySelectorAll("script.thumbnails")];
  const form = document.getElementById("filters");
  const cards = document.getElementById("cards");
  const detail = document.getElementById("detail");
  const content = document.getElementById("detail-content");

  const verdictOf = (score) =>
    score === null ? "unscored" : score >= 1 ? "right" : score > 0 ? "partly" : "wrong";
  const questions = data.rows.map(
    ([id, image, text, answer, confidence, score, type, answerType, answers, truths, key, truth]) => ({
      id, image, text, answer, confidence, score, answers, truths, key, truth,
      question_type: type === null ? null : data.types[type],
      answer_type: answerType === null ? null : data.answerTypes[answerType],
      verdict: verdictOf(score),
    }));
  const fields = ["q", "question_type", "answer_type", "verdict", "order"];
  const pairFields = ["truth", "answer"];

  let pair = {}; // keys of the right answer and of the model's, set by links alone
  let found = [];
  let page = 0;
  let writing = 0; // the timer of `toAddress`
  let shown = -1; // the place in `found` of the question in the dialog

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children.filter((child) => child !== null));
    return made;
  }
  const number = (value) => value.toLocaleString("en");
  const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}\u00a0%`;
  const plain = (text) => text.normalize("NFC").toLowerCase();

  function searchable(question) {
    question.search ??= plain(
      [question.text, question.answer, ...question.truths.map(([answer]) => answer)].join("\n"));
    return question.search;
  }

  // An element holds many thumbnails; it is split up when the first of them is shown.
  const split = new Map();
  function thumbnail(image) {
    const place = Math.floor(image / data.chunk);
    if (!split.has(place)) split.set(place, chunks[place].textContent.split("\n"));
    return split.get(place)[image % data.chunk];
  }
  function picture(question) {
    if (!data.pictures) return null;
    const encoded = thumbnail(question.image);
    if (!encoded) return element("div", { className: "picture missing" }, "image missing");
    return element("img", {
      className: "picture", decoding: "async", alt: "", width: 112, height: 112,
      src: `data:image/webp;base64,${encoded}`,
    });
  }
  function badge(question) {
    const partly = question.verdict === "partly" ? ` ${percent(question.score, 0)}` : "";
    return element("span", { className: `badge ${question.verdict}` },
      VERDICTS[question.verdict] + partly);
  }
  function truthText([answer, count]) {
    return (answer === "" ? "(empty)" : answer) + (count > 1 ? ` ×${count}` : "");
  }
  function description(pairs) {
    return element("dl", {}, ...pairs.flatMap(([term, text]) => [
      element("dt", {}, term), element("dd", { dir: "auto" }, text)]));
  }

  function card(question, place) {
    const sure = question.confidence === null ? "" : ` (${percent(question.confidence, 0)})`;
    const open = element("button", { type: "button", className: "open", dir: "auto" }, question.text);
    open.dataset.place = place;
    const pairs = [["answered", (question.answer || "(empty)") + sure]];
    if (question.truths.length) pairs.push(["right", question.truths.map(truthText).join(", ")]);
    return element("li", { className: "card" }, picture(question),
      element("div", {}, open, description(pairs), badge(question)));
  }

  function answerRows(question) {
    const right = new Set(question.truths.map(([answer]) => plain(answer)));
    return question.answers.map(([answer, confidence]) => {
      const fill = element("span", { className: "fill" });
      fill.style.width = `${100 * confidence}%`;
      return element("tr", { className: right.has(plain(answer)) ? "good" : "" },
        element("td", { dir: "auto" }, answer),
        element("td", { className: "bar" }, element("span", { className: "track" }, fill)),
        element("td", { className: "number" }, percent(confidence)));
    });
  }
  function showDetail(place) {
    shown = place;
    const question = found[place];
    const text = element("div", {},
      element("h3", { id: "detail-question", dir: "auto" }, question.text), badge(question));
    const sure = question.confidence === null || question.answers.length
      ? "" : ` (${percent(question.confidence)})`;
    text.append(element("h4", {}, "Answered"));
    text.append(question.answers.length
      ? element("table", {}, element("tbody", {}, ...answerRows(question)))
      : element("p", { dir: "auto" }, (question.answer || "(empty)") + sure));
    text.append(element("h4", {}, "Right"));
    text.append(element("p", { dir: "auto" },
      question.truths.map(truthText).join(", ") || "not known"));
    const facts = [["score", question.score === null ? "none" : percent(question.score)]];
    if (question.question_type !== null) facts.push(["question type", question.question_type]);
    if (question.answer_type !== null) facts.push(["answer type", question.answer_type]);
    facts.push(["question id", question.id], ["image", data.images[question.image]]);
    text.append(description(facts));
    content.classList.toggle("plain", !data.pictures);
    content.replaceChildren(...[picture(question), text].filter((part) => part !== null));
    const { previous, next } = buttons(detail);
    previous.disabled = place === 0;
    next.disabled = place === found.length - 1;
    if (!detail.open) detail.showModal();
  }
  const buttons = (parent) =>
    Object.fromEntries([...parent.querySelectorAll("button[name]")].map((b) => [b.name, b]));
  function stepDetail(by) {
    const place = shown + by;
    if (place < 0 || place >= found.length) return;
    showDetail(place);
    const its = Math.floor(place / PER_PAGE);
    if (its !== page) { page = its; showPage(); }
  }
  detail.addEventListener("close", () => {
    cards.querySelector(`button[data-place="${shown}"]`)?.focus();
  });

  function read() {
    const values = new FormData(form);
    return Object.fromEntries(fields.map((name) => [name, values.get(name) ?? ""]));
  }
  function wantedKeys() {
    return Object.entries(pair).map(([name, text]) =>
      [name === "truth" ? "truth" : "key", data.keys.indexOf(text)]);
  }
  function filter() {
    const wanted = read();
    const search = plain(wanted.q.trim());
    const keys = wantedKeys();
    found = questions.filter((question) =>
      (!wanted.verdict || question.verdict === wanted.verdict)
      && (!wanted.question_type || question.question_type === wanted.question_type)
      && (!wanted.answer_type || question.answer_type === wanted.answer_type)
      && keys.every(([name, key]) => question[name] === key)
      && (!search || searchable(question).includes(search)));
    const sign = { sure: -1, unsure: 1 }[wanted.order];
    if (sign) found.sort((a, b) => sign * ((a.confidence ?? 0) - (b.confidence ?? 0)));
  }
  function showPage() {
    const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const first = page * PER_PAGE;
    const part = found.slice(first, first + PER_PAGE);
    cards.replaceChildren(...part.map((question, place) => card(question, first + place)));
    document.getElementById("pages").hidden = pages === 1;
    document.getElementById("page").textContent = `Page ${number(page + 1)} of ${number(pages)}`;
    const { first: start, previous, next, last } = buttons(document.getElementById("pages"));
    start.disabled = previous.disabled = page === 0;
    next.disabled = last.disabled = page === pages - 1;
  }
  function showCount() {
    const all = questions.length;
    const sample = data.total > all ? ` (a sample of all ${number(data.total)})` : "";
    const text = found.length === all ? `${number(all)} questions`
      : `${number(found.length)} of ${number(all)} questions`;
    document.getElementById("count").textContent = text + sample;
  }
  function showPairs() {
    const line = document.getElementById("pairs");
    const words = { truth: "right answer", answer: "answered" };
    line.hidden = !Object.keys(pair).length;
    line.replaceChildren(...Object.entries(pair).map(([name, text]) => {
      const remove = element("button", { type: "button" }, `${words[name]}: ${text} ×`);
      remove.setAttribute("aria-label", `Remove the filter ${words[name]}: ${text}`);
      remove.addEventListener("click", () => { delete pair[name]; update(); });
      return remove;
    }));
  }
  function update() {
    filter();
    page = 0;
    showPage();
    showCount();
    showPairs();
    clearTimeout(writing); // browsers refuse an address that changes with every letter
    writing = setTimeout(toAddress, 300);
  }
  function toAddress() {
    const set = Object.entries({ ...read(), ...pair }).filter(([, value]) => value);
    history.replaceState(null, "", set.length ? `#${new URLSearchParams(set)}` : "#gallery");
  }

  // From the address to the form; false where the address means a place on the page.
  function fromAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (![...fields, ...pairFields].some((name) => given.has(name))) return false;
    form.reset();
    for (const name of fields) {
      const control = form.elements.namedItem(name);
      if (given.has(name)) control.value = given.get(name);
      if (control.selectedIndex === -1) control.selectedIndex = 0;
    }
    pair = Object.fromEntries(
      pairFields.filter((name) => given.has(name)).map((name) => [name, given.get(name)]));
    return true;
  }
  window.addEventListener("hashchange", () => {
    if (!fromAddress()) return;
    update();
    document.getElementById("gallery").scrollIntoView();
  });

  function fillSelect(name) {
    const counts = new Map();
    for (const question of questions) {
      const value = question[name];
      if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const select = form.elements.namedItem(name);
    select.closest("label").hidden = counts.size < 2;
    const ranked = [...counts].sort((a, b) => b[1] - a[1]);
    select.append(new Option("all", ""),
      ...ranked.map(([value, count]) => new Option(`${value} (${number(count)})`, value)));
  }
  function fillVerdicts() {
    const field = form.querySelector("fieldset");
    for (const [value, name] of Object.entries(VERDICTS)) {
      const count = value ? questions.filter((q) => q.verdict === value).length : questions.length;
      if (!count && value) continue;
      const input = element("input", { type: "radio", name: "verdict", value });
      input.defaultChecked = value === "";
      field.append(element("label", {}, input, element("span", {}, `${name} ${number(count)}`)));
    }
  }
  function turn(target) {
    page = target;
    showPage();
    document.getElementById("count").scrollIntoView();
  }

  fillSelect("question_type");
  fillSelect("answer_type");
  fillVerdicts();
  form.elements.namedItem("order").closest("label").hidden =
    questions.every((question) => question.confidence === null);
  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  cards.addEventListener("click", (event) => {
    const open = event.target.closest("button.open");
    if (open) showDetail(Number(open.dataset.place));
  });
  document.getElementById("pages").addEventListener("click", (event) => {
    const last = Math.ceil(found.length / PER_PAGE) - 1;
    const targets = { first: 0, previous: page - 1, next: page + 1, last };
    if (event.target.name in targets) turn(targets[event.target.name]);
  });
  detail.addEventListener("click", (event) => {
    const actions = {
      previous: () => stepDetail(-1), next: () => stepDetail(1), close: () => detail.close(),
    };
    if (event.target === detail) detail.close();
    else actions[event.target.name]?.();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, summary")) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && detail.open) stepDetail(by);
    else if (by) turn(page + by);
    else if (event.key === "/" && !detail.open) form.elements.namedItem("q").focus();
    else return;
    event.preventDefault();
  });

  fromAddress();
  filter();
  showPage();
  showCount();
  showPairs();
})();
