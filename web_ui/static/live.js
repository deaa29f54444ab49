// Keeps the page current while it is visible. All tabs of a browser share one event stream, and a hidden tab holds none.
(function () {
  "use strict";
  var SILENCE_MS = 3000, POLL_SILENCE_MS = 6000, PING_MS = 5000;
  var body = document.body, lost = document.getElementById("lost"), spoken = document.getElementById("spoken");
  var channel = { live: new URL(body.dataset.live, location.href).href, parts: new URL(body.dataset.parts, location.href).href };
  var heard = Date.now(), silence = SILENCE_MS, following = false, port = null, source = null;

  function show(parts, polling) {
    heard = Date.now();
    silence = polling ? POLL_SILENCE_MS : SILENCE_MS;
    if (!following) { return; }
    lost.hidden = true;
    body.classList.remove("waiting");
    Object.keys(parts).forEach(function (name) {
      var part = document.getElementById(name);
      if (!part) { return; }
      var open = Array.from(part.querySelectorAll("details[open][id]"), function (each) { return each.id; });
      part.innerHTML = parts[name];  // our own templates, escaped by the server
      open.forEach(function (id) { var again = document.getElementById(id); if (again) { again.open = true; } });
    });
    var now = body.querySelector("[data-state]");
    if (!now) { return; }
    body.classList.toggle("past", now.dataset.live !== "yes");
    if (now.dataset.title && now.dataset.title !== document.title) { document.title = now.dataset.title; }
    var word = now.querySelector(".word"), sentence = (word ? word.textContent + ". " : "") + now.querySelector(".sentence").textContent;
    sentence = sentence.replace(/\s+/g, " ").trim();
    if (spoken.textContent !== sentence) { spoken.textContent = sentence; }
  }

  function followAlone() {
    port = null;
    if (!following || source) { return; }
    if (self.followKiosk) { source = self.followKiosk(channel, function () { return true; }, show); return; }
    var script = document.createElement("script");  // only browsers without shared workers need it here
    script.src = body.dataset.stream;
    script.onload = followAlone;
    document.head.appendChild(script);
  }

  function connect() {
    if (!window.SharedWorker) { return; }
    try {
      var worker = new SharedWorker(body.dataset.worker);
      worker.onerror = followAlone;
      port = worker.port;
      port.onmessage = function (message) { show(message.data.parts, message.data.polling); };
    } catch (refused) { port = null; }
  }

  function follow() {
    if (following) { return; }
    following = true;
    heard = Date.now();
    if (port) { port.postMessage(channel); } else { followAlone(); }
  }

  function letGo() {
    following = false;
    body.classList.add("waiting");  // what a hidden tab shows is old when it is seen again
    if (port) { port.postMessage(null); }
    if (source) { source.close(); source = null; }
  }

  function look() {
    if (!document.hidden || body.dataset.sounds === "yes") { follow(); } else { letGo(); }
  }

  window.setInterval(function () { if (following && port) { port.postMessage(channel); } }, PING_MS);
  window.setInterval(function () { if (following && Date.now() - heard > silence) { lost.hidden = false; } }, 250);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pagehide", letGo);
  window.addEventListener("pageshow", function (event) { if (event.persisted) { look(); } });
  connect();
  look();
})();
