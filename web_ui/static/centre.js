// Keeps the main part of a page current: it is fetched again, and replaced when it changed.
(function () {
  "use strict";
  var POLL_MS = 10000;
  var main = document.getElementById("main"), tag = "", address = new URL(window.location.href);
  address.searchParams.set("format", "main");
  address.searchParams.set("lang", document.documentElement.lang);

  function isBusy() {
    return document.hidden || main.contains(document.activeElement) || String(window.getSelection()) !== "";
  }

  function poll() {
    if (isBusy()) { return; }
    fetch(address, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" })
      .then(function (answer) {
        if (answer.status === 403 || answer.status === 404) { window.location.reload(); }  // signed out, or no longer allowed
        if (!answer.ok) { return null; }
        tag = answer.headers.get("ETag") || "";
        return answer.text();
      })
      .then(function (html) { if (html !== null && !isBusy()) { main.innerHTML = html; } }, function () { });
  }

  window.setInterval(poll, POLL_MS);
})();
