"use strict";
// Images that are dropped or chosen go to this page's own server, one after
// the other; those of one drop are ranked and each can be looked at.
(() => {
  const byId = (id) => document.getElementById(id);
  const settings = byId("settings").dataset;
  const low = Number(settings.low), high = Number(settings.high);
  let waiting = Promise.resolve();
  let drops = 0;
  let shown = null;

  const make = (name, text = "", properties = {}) =>
    Object.assign(document.createElement(name),
      {textContent: text, ...properties});
  const say = (text) => { byId("status").textContent = text; };
  const words = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;
  const printed = (name) => name.replace(/[\p{C}]/gu, "\ufffd");

  // ---- One upload ----
  const failed = (reason) => [{row: {path: "", mos: null, quality: null,
    status: reason, notes: []}, pictures: null}];

  // The server takes a few uploads at once, those of other tabs among them.
  const LONGEST_WAIT = 600e3;
  const post = async (file) => {
    const end = Date.now() + LONGEST_WAIT;
    for (let pause = 250; ; pause = Math.min(2 * pause, 4000)) {
      const answer = await fetch("/score", {method: "POST", body: file,
        headers: {"X-G2NPAN-Token": settings.token}});
      if (answer.status !== 503 || Date.now() > end) return answer;
      await new Promise((go) => setTimeout(go, pause));
    }
  };

  const send = async (file) => {
    if (file.size > Number(settings.maxBytes)) {
      return failed(`${file.size} bytes; expected at most ${settings.maxBytes}`);
    }
    let answer;
    try {
      answer = await post(file);
    } catch {
      return failed("cannot be read, or g2npan-score has ended");
    }
    const content = await answer.json().catch(() => ({}));
    return content.rows ?? failed(content.error ?? `error ${answer.status}`);
  };

  // ---- Rows of one drop, the best first ----
  const better = (one, two) =>
    (two.row.mos ?? -1) - (one.row.mos ?? -1) || one.order - two.order;

  const rowOf = (item, rank) => {
    const row = make("tr");
    const scored = item.row.mos !== null;
    row.append(make("td", scored ? rank : "–", {className: "number"}));
    const picture = make("td", "", {className: "picture"});
    const name = make("td", "", {className: "text"});
    if (item.pictures) {
      picture.append(make("img", "", {src: item.pictures.image, alt: ""}));
      const button = make("button", item.name, {type: "button"});
      button.addEventListener("click", () => show(item));
      name.append(button);
    } else {
      name.append(item.name);
      if (scored) {
        name.append(make("small",
          `no pictures: the first ${settings.pictured} of a file have them`));
      }
    }
    if (!scored) name.append(make("span", item.row.status, {className: "bad"}));
    if (item.row.notes.length) {
      name.append(make("small", item.row.notes.join("; ")));
    }
    row.append(picture, name);
    row.append(make("td", scored ? item.row.mos.toFixed(2) : "",
      {className: "number"}));
    row.append(make("td", scored ? item.row.quality.toFixed(3) : "",
      {className: "number"}));
    item.element = row;
    return row;
  };

  const groupOf = (count) => {
    drops += 1;
    const group = make("section", "", {className: "group"});
    const title = make("h2", `Ranking ${drops}: ${words(count, "file")}`,
      {id: `group-${drops}`});
    group.setAttribute("aria-labelledby", title.id);
    const box = make("div", "", {className: "scroll", tabIndex: 0});
    box.setAttribute("role", "region");
    box.setAttribute("aria-labelledby", title.id);
    const table = make("table");
    const head = make("tr");
    [["Rank", "number"], ["", "picture"], ["Image", ""], ["MOS", "number"],
      ["Quality", "number"]].forEach(
      ([text, kind]) => head.append(
        make(text ? "th" : "td", text, {scope: "col", className: kind})));
    table.createTHead().append(head);
    table.createTBody();
    box.append(table);
    group.append(title, box);
    byId("groups").prepend(group);
    return table.tBodies[0];
  };

  const fill = (body, items) => {
    items.sort(better);
    body.replaceChildren(...items.map((item, i) => rowOf(item, i + 1)));
    mark();
  };

  // ---- The view of one image ----
  const mark = () => {
    for (const row of document.querySelectorAll("tr.shown")) {
      row.classList.remove("shown");
      row.querySelector("button")?.removeAttribute("aria-current");
    }
    shown?.element.classList.add("shown");
    shown?.element.querySelector("button")?.setAttribute("aria-current", true);
  };

  const slide = () => {
    const share = Number(byId("compare").value);
    byId("reference").style.clipPath = `inset(0 0 0 ${share}%)`;
    byId("divider").style.left = `${share}%`;
    byId("left").hidden = share < 15;
    byId("right").hidden = share > 80;
    byId("compare").setAttribute("aria-valuetext",
      `${share} % fused image, ${100 - share} % reference`);
  };

  const lay = () => {
    const choice = byId("choice").value;
    const overlay = byId("overlay");
    overlay.hidden = byId("overlay-box").hidden = !choice;
    if (choice) overlay.src = shown.pictures[choice];
    overlay.style.opacity = Number(byId("strength").value) / 100;
    byId("bar-cam").hidden = choice !== "cam";
    byId("bar-nuance").hidden = choice !== "nuance";
  };

  const show = (item) => {
    shown = item;
    const {row, pictures} = item;
    byId("view").hidden = false;
    byId("view-title").textContent = item.name;
    byId("image").src = pictures.image;
    byId("image").alt = `Fused image ${item.name}`;
    const stage = byId("stage");
    stage.style.aspectRatio = `${pictures.width} / ${pictures.height}`;
    stage.style.maxWidth = `calc(80vh * ${pictures.width / pictures.height})`;
    const comparable = Boolean(pictures.reference);
    for (const id of ["reference", "divider", "left", "right", "compare-box"]) {
      byId(id).hidden = !comparable;
    }
    stage.classList.toggle("single", !comparable);
    byId("caption").textContent = comparable
      ? "Left of the line the fused image, right of it the reference that " +
        "the model generated from it."
      : "This model generates no reference.";
    if (comparable) byId("reference").src = pictures.reference;
    byId("mos").textContent = `${row.mos.toFixed(2)} of ${high}`;
    Object.assign(byId("meter"), {min: low, max: high, value: row.mos});
    byId("low").textContent = `${low}, worst`;
    byId("high").textContent = `${high}, best`;
    const bounded = typeof row.mos_low === "number";
    byId("interval-name").hidden = byId("interval").hidden = !bounded;
    byId("interval").textContent = bounded
      ? `MOS ${row.mos_low.toFixed(2)} to ${row.mos_high.toFixed(2)}` : "";
    byId("quality").textContent = `${row.quality.toFixed(3)} (0 to 1)`;
    byId("size").textContent = `${pictures.width} × ${pictures.height} pixels`;
    byId("notes").textContent = row.notes.join("; ") || "none";
    byId("nuance-high").textContent = pictures.nuance_high?.toFixed(2) ?? "";
    for (const option of byId("choice").options) {
      option.disabled = Boolean(option.value) && !pictures[option.value];
    }
    if (byId("choice").selectedOptions[0]?.disabled) byId("choice").value = "";
    if (comparable) slide();
    lay();
    mark();
  };

  // ---- Drops ----
  const take = async (files) => {
    const body = groupOf(files.length);
    const items = files.map((file, order) => ({name: printed(file.name), order,
      row: {mos: null, quality: null, status: "waiting", notes: []}}));
    const done = [];
    fill(body, [...items]);
    for (const [index, file] of files.entries()) {
      say(`Scoring ${index + 1} of ${files.length}: ${printed(file.name)}`);
      for (const part of await send(file)) {
        const order = index + done.length / 1e6;
        done.push({...part, name: printed(file.name) + part.row.path, order});
      }
      fill(body, [...done, ...items.slice(index + 1)]);
    }
    done.sort(better);
    const good = done.filter((item) => item.row.mos !== null);
    const bad = done.length - good.length;
    const first = good.find((item) => item.pictures);
    if (first) show(first);
    say(`${words(good.length, "image")} scored` +
      (bad ? `, ${bad} failed` : "") + (good.length
        ? `; best: ${good[0].name} with MOS ${good[0].row.mos.toFixed(2)}` : ""));
  };

  const add = (list) => {
    const files = [...list];
    if (files.length) waiting = waiting.then(() => take(files));
  };

  const drop = byId("drop");
  byId("files").addEventListener("change", (event) => {
    add(event.target.files);
    event.target.value = "";
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    window.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop") add(event.dataTransfer.files);
    });
  }
  byId("compare").addEventListener("input", slide);
  byId("choice").addEventListener("change", lay);
  byId("strength").addEventListener("input", lay);
  const drag = (event) => {
    if (!event.buttons || byId("stage").classList.contains("single")) return;
    const box = byId("stage").getBoundingClientRect();
    const share = (100 * (event.clientX - box.left)) / box.width;
    byId("compare").value = Math.min(100, Math.max(0, Math.round(share)));
    slide();
  };
  byId("stage").addEventListener("pointerdown", drag);
  byId("stage").addEventListener("pointermove", drag);
})();
