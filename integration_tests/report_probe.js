// Looks at every chart of the report as it is drawn: where its marks are, and whether anything lies on them.
async () => {
  if (!document.getElementById("probe")) {
    // All that is painted can be hit, so the element at a place is the one that a person sees there.
    const style = Object.assign(document.createElement("style"), {id: "probe", textContent: "* { pointer-events: visiblePainted !important }"});
    document.head.append(style);
  }
  const frame = () => new Promise(requestAnimationFrame);
  const centre = box => ({x: box.left + box.width / 2, y: box.top + box.height / 2, width: box.width, height: box.height});
  const colours = Array.from({length: 8}, (_, index) => {
    const probe = document.body.appendChild(Object.assign(document.createElement("i"), {style: `color: var(--source-${index})`}));
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  });

  /** What else is on top of a mark: at its middle, and half-way to its edges where its shape reaches there.
   *  (Not on its axes: there, on the seam of two arcs, browsers may see through a circle.) */
  function covered(mark) {
    const box = mark.getBBox(), matrix = mark.getScreenCTM(), found = [];
    for (const [across, down] of [[0.52, 0.53], [0.27, 0.53], [0.73, 0.53], [0.52, 0.27], [0.52, 0.73]]) {
      const place = new DOMPoint(box.x + box.width * across, box.y + box.height * down);
      if (!mark.isPointInFill(place)) continue;
      const seen = place.matrixTransform(matrix);
      const top = document.elementFromPoint(seen.x, seen.y);
      if (top !== mark) found.push(`${across},${down}: ${top?.outerHTML.slice(0, 120)}`);
    }
    return found;
  }

  function look(chart) {
    const texts = [...chart.querySelectorAll(".role-axis-label text")].filter(text => text.getAttribute("opacity") !== "0" && getComputedStyle(text).opacity !== "0" && text.textContent);
    const placed = (anchor, side) => texts.filter(text => text.getAttribute("text-anchor") === anchor).map(text => [text.textContent, centre(text.getBoundingClientRect())[side] + chart.scrollLeft * (side === "x")]);
    const marks = [...chart.querySelectorAll(".said_marks path, .chosen_marks path")].map(mark => {
      const row = mark.__data__.datum;
      const chosen = mark.closest(".chosen_marks") !== null;
      const seen = mark.getBoundingClientRect();
      const room = chart.getBoundingClientRect();
      if (seen.left < room.left || seen.right > room.right) chart.scrollLeft += seen.left - room.left - room.width / 2;
      const shape = mark.getBBox(), matrix = mark.getScreenCTM();
      const middle = new DOMPoint(0, 0).matrixTransform(matrix); // a symbol is drawn around its place
      const style = getComputedStyle(mark);
      return {year: row.year, source: row.source, exact: row.exact, exact_number: Number(row.exact), chosen, label: mark.ariaLabel,
        x: middle.x + chart.scrollLeft, y: middle.y, width: shape.width, height: shape.height,
        colour: chosen ? style.fill : style.stroke, covered: covered(mark)};
    });
    const lines = [...chart.querySelectorAll(".mark-line path")].map(path => {
      const matrix = path.getScreenCTM();
      return [...path.getAttribute("d").matchAll(/[ML]([-\d.e]+),([-\d.e]+)/g)].map(([, x, y]) => {
        const place = new DOMPoint(Number(x), Number(y)).matrixTransform(matrix);
        return [place.x + chart.scrollLeft, place.y];
      });
    });
    const notes = [...chart.closest("section").querySelectorAll(".open")].map(note => note.textContent);
    return {...chart.dataset, colours, marks, lines, notes, years: placed("middle", "x"), ticks: placed("end", "y")};
  }

  const found = [];
  for (const card of document.querySelectorAll("article")) {
    card.scrollIntoView({block: "start"});
    const charts = () => [...card.querySelectorAll(".chart")];
    while (!card.children[2] || charts().some(chart => !chart.marks)) await frame();
    found.push(...charts().map(look));
  }
  return found;
}
