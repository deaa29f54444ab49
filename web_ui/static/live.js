// Keeps the page current: changed parts come as server-sent events, or are fetched where no stream is to be had.
(function () {
  "use strict";
  var SILENCE_MS = 3000, POLL_MS = 3000;
  var body = document.body, lost = document.getElementById("lost"), spoken = document.getElementById("spoken");
  var heard = Date.now(), stream = null, polling = 0;

  function show(parts) {
    heard = Date.now();
    lost.hidden = true;
    Object.keys(parts).forEach(function (name) {
      var part = document.getElementById(name);
      if (part) { part.innerHTML = parts[name]; }  // our own templates, escaped by the server
    });
    var now = body.querySelector("[data-state]");
    if (!now) { return; }
    body.classList.toggle("past", now.dataset.live !== "yes");
    if (now.dataset.title && now.dataset.title !== document.title) { document.title = now.dataset.title; }
    var word = now.querySelector(".word"), sentence = (word ? word.textContent + ". " : "") + now.querySelector(".sentence").textContent;
    sentence = sentence.replace(/\s+/g, " ").trim();
    if (spoken.textContent !== sentence) { spoken.textContent = sentence; }
  }

  function poll() {
    fetch(body.dataset.parts, { cache: "no-store" })
      .then(function (answer) { if (!answer.ok) { throw new Error(answer.statusText); } return answer.json(); })
      .then(show, function () { });  // the clock below says that nothing is heard
  }

  function follow() {
    window.clearInterval(polling);
    polling = 0;
    stream = new EventSource(body.dataset.live);
    stream.onmessage = function (message) { show(JSON.parse(message.data)); };
    stream.onerror = function () {
      if (stream.readyState !== EventSource.CLOSED) { return; }  // it tries again by itself
      poll();
      if (!polling) { polling = window.setInterval(poll, POLL_MS); window.setTimeout(follow, 10 * POLL_MS); }
    };
  }

  window.setInterval(function () {
    if (Date.now() - heard > (polling ? 2 * POLL_MS : SILENCE_MS)) { lost.hidden = false; }
  }, 250);
  document.addEventListener("visibilitychange", function () { if (!document.hidden) { poll(); } });
  follow();
})();
