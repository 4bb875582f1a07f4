"use strict";
// plotly.js is compressed, because it would be half of the page otherwise.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}
async function draw() {
  const script = document.createElement("script");
  script.textContent = await unpacked(document.getElementById("library").textContent);
  document.head.append(script);
  const settings = { responsive: true, displaylogo: false };
  for (const source of document.querySelectorAll("script[data-figure]")) {
    const { data, layout } = JSON.parse(source.textContent);
    await Plotly.newPlot(source.dataset.figure, data, layout, settings);
  }
  document.documentElement.dataset.drawn = "yes";
}
draw().catch((error) => {
  for (const place of document.querySelectorAll(".plot")) {
    place.textContent = `This browser cannot draw the plot (${error.message}).`;
  }
});
