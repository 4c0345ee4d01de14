// What no page needs, and what is pleasant to have: local times, keys, a palette, and pages that follow what changes.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  // Times: the server writes UTC, the title keeps it to the microsecond. The year stands where it is another one.
  const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const thisYear = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
  const localTimes = (root) => {
    const year = new Date().getFullYear();
    for (const time of $$("time[datetime]", root)) {
      const at = new Date(time.dateTime);
      if (!isNaN(at)) time.textContent = (at.getFullYear() === year ? thisYear : short).format(at);
    }
  };

  // Live: the stream says that something has changed; the page is asked for again, and its live part exchanged.
  const live = () => {
    const address = document.body.dataset.live;
    if (!address || !$("#live") || !window.EventSource) return;
    const pause = 2000;
    let waiting = false, last = 0;
    const offer = () => { $("#changed").hidden = false; };
    const busy = () => {
      const region = $("#live"), focused = document.activeElement;
      return $("dialog[open]") || (region.contains(focused) && focused !== document.body) || (region.contains(getSelection().anchorNode) && !getSelection().isCollapsed) || $("details:not(.remedy)[open]", region);
    };
    const swap = async () => {
      waiting = false;
      last = Date.now();
      if (busy()) return offer();
      let answer;
      try { answer = await fetch(location.href, { headers: { Accept: "text/html" } }); } catch { return; }
      if (!answer.ok || answer.redirected) return offer();
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = $("#live", fresh), before = $("#live");
      if (!now || busy()) return offer();
      localTimes(now);
      if (now.innerHTML === before.innerHTML) return;
      const known = new Set($$("tbody tr", before).map((row) => row.innerHTML));
      before.replaceWith(now);
      if (known.size) for (const row of $$("tbody tr", now)) if (!known.has(row.innerHTML)) row.classList.add("fresh");
    };
    const changed = () => {
      if (waiting) return;
      waiting = true;
      setTimeout(swap, Math.max(0, last + pause - Date.now()));
    };
    // A browser has few connections to one place: tabs that nobody looks at use none, and look again when somebody does.
    let stream, was = false;
    const follow = () => {
      stream?.close();
      stream = undefined;
      if (document.hidden) return;
      stream = new EventSource(address);
      stream.addEventListener("changed", changed);
      if (was) changed();
      was = true;
    };
    document.addEventListener("visibilitychange", follow);
    addEventListener("pagehide", () => stream?.close());
    follow();
  };

  // Rows: j and k go through the headings of a list's rows.
  const step = (by) => {
    const links = $$("table.list tbody tr").map((row) => $("a", row)).filter(Boolean);
    if (!links.length) return false;
    const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
    links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1)].focus();
    return true;
  };

  // Dialogs
  const dialog = (label, ...children) => {
    const element = make("dialog", {}, make("div", { className: "inner" }, ...children));
    element.setAttribute("aria-label", label);
    element.addEventListener("click", (event) => { if (event.target === element) element.close(); });
    element.addEventListener("close", () => element.remove());
    document.body.append(element);
    element.showModal();
    return element;
  };
  // Who speaks to the browser, or types by mistake, can do without single keys: the palette has them all.
  const singleKeys = () => localStorage.getItem("singleKeys") !== "off";
  const keys = [["/", "Find"], ["Ctrl K", "Palette: go somewhere or do something"], ["j, k", "Next or previous row"], ["Enter", "Open the row"], ["?", "These keys"]];
  const help = () => {
    const list = make("dl");
    for (const [key, what] of [...keys, ...$$("a[data-key]").map((link) => [link.dataset.key, link.textContent])]) {
      list.append(make("dt", {}, make("kbd", { textContent: key })), make("dd", { textContent: what }));
    }
    const single = make("input", { type: "checkbox", checked: singleKeys() });
    single.addEventListener("change", () => localStorage.setItem("singleKeys", single.checked ? "on" : "off"));
    const choice = make("p", {}, make("label", {}, single, " Keys without Ctrl work"));
    dialog("Keys", make("h2", { textContent: "Keys" }), list, choice, make("form", { method: "dialog" }, make("button", { textContent: "Close" })));
  };

  const commands = () => {
    const found = $$("nav.side a").map((link) => ({ text: link.textContent, hint: link.dataset.key || "", run: () => link.click() }));
    for (const button of $$("main form button")) found.push({ text: button.textContent.trim(), hint: "on this page", run: () => button.click() });
    for (const link of $$("main a.button")) found.push({ text: link.textContent.trim(), hint: "on this page", run: () => link.click() });
    for (const [text, address] of [["Another namespace", "/-/namespaces"], ["My rights", $(".who a")?.href]]) {
      if (address) found.push({ text, hint: "", run: () => { location.href = address; } });
    }
    found.push({ text: "Keys", hint: "?", run: help });
    return found;
  };
  const palette = () => {
    const all = commands();
    const list = make("ul", { id: "palette-list" });
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Commands");
    const input = make("input", { type: "text", placeholder: "Go to, do, or find …", autocomplete: "off", spellcheck: false });
    for (const [name, value] of [["role", "combobox"], ["aria-controls", "palette-list"], ["aria-expanded", "true"], ["aria-label", "Command, or whom to find"]]) input.setAttribute(name, value);
    let shown = [], chosen = 0;
    const mark = (index) => {
      chosen = index;
      [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === index)));
      const item = list.children[index];
      if (item) { input.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
    };
    const show = () => {
      const text = input.value.trim().toLowerCase();
      shown = all.filter((command) => text.split(/\s+/).every((part) => command.text.toLowerCase().includes(part)));
      const find = $("#find");
      if (text && find) shown.push({ text: "Find “" + input.value.trim() + "”", hint: "", run: () => { find.value = input.value.trim(); find.form.submit(); } });
      list.replaceChildren(...shown.map((command, i) => {
        const item = make("li", { id: "command-" + i }, make("span", { textContent: command.text }), make("span", { className: "soft", textContent: command.hint }));
        item.setAttribute("role", "option");
        item.addEventListener("click", () => run(i));
        return item;
      }));
      mark(0);
    };
    const box = dialog("Command palette", input, list);
    const run = (index) => { const command = shown[index]; if (command) { box.close(); command.run(); } };
    input.addEventListener("input", show);
    input.addEventListener("keydown", (event) => {
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (by && shown.length) { event.preventDefault(); mark((chosen + by + shown.length) % shown.length); }
      if (event.key === "Enter") { event.preventDefault(); run(chosen); }
    });
    show();
    input.focus();
  };

  // The editor of a rule: it is checked while somebody types, and its mistakes lead to their lines.
  const editor = () => {
    const form = $("#editor"), text = $("#text");
    if (!form) return;
    let timer, running;
    const check = async () => {
      running?.abort();
      const mine = running = new AbortController();
      $("#checked").setAttribute("aria-busy", "true");
      const fields = new URLSearchParams(new FormData(form));
      fields.set("typing", "1");
      try {
        const answer = await fetch(form.action, { method: "POST", body: fields, signal: mine.signal });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html"), fresh = $("#checked", page);
        if (mine !== running) return;
        if (fresh) $("#checked").replaceWith(fresh);
        else $("#checked [role=status]").textContent = $("h1", page)?.textContent || "It could not be checked.";
      } catch { if (mine !== running) return; $("#checked [role=status]").textContent = "It could not be checked: the console does not answer."; }
      $("#checked").removeAttribute("aria-busy");
    };
    text.addEventListener("input", () => { running?.abort(); clearTimeout(timer); timer = setTimeout(check, 800); });
    form.addEventListener("submit", () => clearTimeout(timer));
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-line]");
      if (!link) return;
      event.preventDefault();
      const lines = text.value.split("\n"), line = link.dataset.line - 1, column = Math.max(0, link.dataset.column - 1);
      const start = lines.slice(0, line).join("\n").length + (line > 0);
      text.focus();
      text.setSelectionRange(start + column, start + (lines[line] || "").length);
      text.scrollTop = line * text.scrollHeight / lines.length - text.clientHeight / 2;
    });
  };

  // Keys
  let before = "";
  addEventListener("pointerdown", () => { before = ""; });
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (!$("dialog[open]")) palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !singleKeys() || $("dialog[open]") || event.target.closest("input, textarea, select, [contenteditable]")) return;
    // A pair has no limit of time, which not everybody's hands could keep (WCAG 2.2.1): another key or a click ends it.
    const pair = before + " " + event.key;
    before = event.key;
    const link = $$("a[data-key]").find((a) => a.dataset.key === pair);
    if (link) { event.preventDefault(); link.click(); return; }
    if (event.key === "/") {
      const find = $("#find");
      if (find) { event.preventDefault(); find.focus(); find.select(); }
    } else if (event.key === "?") {
      event.preventDefault();
      help();
    } else if (event.key === "j" || event.key === "k") {
      if (step(event.key === "j" ? 1 : -1)) event.preventDefault();
    }
  });

  // An address without empty values reads better, and is the same page.
  for (const form of $$("form.filters")) form.addEventListener("submit", () => { for (const field of form.elements) if (field.name && !field.value) field.disabled = true; });
  addEventListener("pageshow", () => { for (const field of $$("form.filters :disabled")) field.disabled = false; });
  // What an action has done is said once, not at every reload.
  const address = new URL(location.href);
  if (address.searchParams.delete("done"), address.href !== location.href) history.replaceState(null, "", address);
  localTimes(document);
  live();
  editor();
})();
