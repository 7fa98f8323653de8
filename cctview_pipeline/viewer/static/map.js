// The corridor on map tiles, where somebody configured some. Without this file, and without tiles, the drawn map stays.
"use strict";

const place = document.getElementById("tiles");
const told = JSON.parse(place.dataset.map);

// Not L.TileLayer: it empties pictures with data: addresses, which the Content-Security-Policy forbids.
const Tiles = L.GridLayer.extend({
  createTile({ x, y, z }, done) {
    const tile = document.createElement("img");
    tile.alt = "";
    tile.onload = () => done(null, tile);
    tile.onerror = () => done(new Error("no tile"), tile);
    tile.src = told.url.replace("{z}", z).replace("{x}", x).replace("{y}", y);
    return tile;
  },
});

function mark(camera) {
  const link = document.createElement("a");
  link.href = `/cameras/${encodeURIComponent(camera.id)}`;
  link.textContent = camera.id;
  link.title = camera.name;
  const icon = L.divIcon({ className: "mark", html: link, iconSize: null });
  return L.marker([camera.latitude, camera.longitude], { icon, keyboard: false, interactive: false });
}

place.hidden = false;
document.querySelector(".drawing.map").setAttribute("hidden", "");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const map = L.map(place, { scrollWheelZoom: false, zoomAnimation: !still, fadeAnimation: !still, maxZoom: 19 });
const plain = document.createElement("span");
plain.textContent = told.attribution;
map.attributionControl.setPrefix("Leaflet").addAttribution(plain.innerHTML);
new Tiles({ maxNativeZoom: told.mostZoom }).addTo(map);
const line = told.cameras.map((each) => [each.latitude, each.longitude]);
L.polyline(line, { className: "roadway", interactive: false }).addTo(map);
for (const camera of told.cameras) mark(camera).addTo(map);
map.fitBounds(line, { padding: [30, 30], maxZoom: 16 });
