// Live alignment: a new picture each second while the button is pressed and the page is visible, for five minutes at most.
(function () {
  "use strict";
  var button = document.getElementById("live"), view = document.getElementById("aim");
  var EVERY_MS = 1000, LONGEST_MS = 300000, timer = null, endsAt = 0;
  if (!button || !view || !window.fetch) { return; }
  button.hidden = false;

  function show(answer) {
    return answer.text().then(function (html) {
      if (timer === null) { return; }
      view.innerHTML = html;
      view.classList.toggle("seen", answer.ok);
    });
  }

  function stop() {
    clearTimeout(timer);
    timer = null;
    button.setAttribute("aria-pressed", "false");
  }

  function look() {
    var began = Date.now();
    if (document.hidden || began > endsAt) { stop(); return; }
    fetch(button.dataset.address, { method: "POST", body: new URLSearchParams({ csrf: button.dataset.csrf }), redirect: "error" })
      .then(function (answer) { if (answer.status === 403) { throw new Error("logged out"); } return show(answer); })
      .then(function () { if (timer !== null) { timer = setTimeout(look, Math.max(0, EVERY_MS - (Date.now() - began))); } }, stop);
  }

  button.addEventListener("click", function () {
    if (timer !== null) { stop(); return; }
    button.setAttribute("aria-pressed", "true");
    endsAt = Date.now() + LONGEST_MS;
    timer = setTimeout(look, 0);
  });
})();
