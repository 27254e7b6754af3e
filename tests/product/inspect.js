// Looks at the pages in this document's frames, and writes down what is wrong with each.
addEventListener("load", () => {
  const found = [];
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  if (location.hash !== (dark ? "#dark" : "#light")) found.push("the browser shows another colour scheme");
  for (const frame of document.querySelectorAll("iframe")) {
    const name = `${frame.getAttribute("src")} at ${frame.width}${dark ? ", dark" : ""}`;
    const page = frame.contentDocument;
    const say = (what) => found.push(`${name}: ${what}`);
    if (!page?.querySelector("h1")) { say("did not load"); continue; }
    if (page.documentElement.scrollWidth > Number(frame.width)) say(`is ${page.documentElement.scrollWidth} wide`);
    const levels = [...page.querySelectorAll("h1,h2,h3,h4")].map((heading) => Number(heading.tagName[1]));
    if (levels[0] !== 1 || levels.some((level, at) => at && level > levels[at - 1] + 1)) say(`headings ${levels}`);
    const ids = [...page.querySelectorAll("[id]")].map((element) => element.id);
    if (new Set(ids).size !== ids.length) say("an id is there twice");
    for (const link of page.querySelectorAll('a[href^="#"]'))
      if (!page.getElementById(decodeURIComponent(link.hash.slice(1)))) say(`${link.hash} leads nowhere`);
    if (page.querySelectorAll("table:not(:has(caption)), th:not([scope])").length) say("a table without names");
    for (const picture of page.querySelectorAll("svg")) if (!picture.querySelector("title, desc")) say("a nameless picture");
    // Text that is cut off: what is wider than its box and cannot be scrolled to.
    for (const element of page.querySelectorAll("p,li,dd,dt,h1,h2,h3,td,th,summary,figcaption"))
      if (element.scrollWidth > element.clientWidth + 1 && element.clientWidth) say(`cut off: ${element.textContent.slice(0, 60)}`);
    for (const element of page.querySelectorAll("p,li,dd,dt,td,th,h1,h2,h3,a,strong,small,caption,code")) {
      const worst = contrast(element, frame.contentWindow);
      if (worst < 4.5) say(`contrast ${worst.toFixed(2)}: ${element.tagName} ${element.textContent.slice(0, 40)}`);
    }
  }
  document.body.innerHTML = "<pre id=found></pre>";
  document.getElementById("found").textContent = `FOUND[${found.join("\n")}]`;
});
const rgb = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
const light = ([red, green, blue]) => {
  const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
};
function contrast(element, view) {
  let behind = element, paper = [0, 0, 0, 0];
  while (behind && (paper.length === 4 && paper[3] === 0)) {
    paper = rgb(view.getComputedStyle(behind).backgroundColor);
    behind = behind.parentElement;
  }
  if (paper.length === 4 && paper[3] === 0) paper = [255, 255, 255];
  const [one, two] = [light(rgb(view.getComputedStyle(element).color)), light(paper)].sort((a, b) => b - a);
  return (one + 0.05) / (two + 0.05);
}
