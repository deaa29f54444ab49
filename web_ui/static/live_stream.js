// One event stream of the server, or polling where none is to be had. For a page, or for the worker that all tabs share.
(function (scope) {
  "use strict";
  var POLL_MS = 3000, RETRY_MS = 30000, SILENT_MS = 10000;

  // Follow `channel` ({live, parts}: two addresses) until `close()`. `tell(parts, polling)` gets all parts, then changed ones.
  // `mayStream()` says whether a stream may be opened now.
  scope.followKiosk = function (channel, mayStream, tell) {
    var stream = null, pending = null, heard = Date.now(), toldAt = 0, retryAt = 0, closed = false, latest = {};

    function hear(parts, polling) {
      heard = toldAt = Date.now();
      Object.keys(parts).forEach(function (name) { latest[name] = parts[name]; });
      tell(parts, polling);
    }

    function poll() {
      if (pending && Date.now() - pending.began < SILENT_MS) { return; }
      if (pending) { pending.abort.abort(); }
      var mine = pending = { began: Date.now(), abort: new AbortController() };
      fetch(channel.parts, { cache: "no-store", signal: mine.abort.signal })
        .then(function (answer) { if (!answer.ok) { throw new Error(answer.statusText); } return answer.json(); })
        .then(function (parts) { if (!closed && !stream) { hear(parts, true); } })
        .catch(function () { })  // the page's own clock says that nothing is heard
        .then(function () { if (pending === mine) { pending = null; } });
    }

    function drop() {
      if (stream) { stream.close(); }
      stream = null;
    }

    function open() {
      drop();
      heard = Date.now();
      var mine = stream = new EventSource(channel.live);
      mine.onmessage = function (message) { hear(JSON.parse(message.data), false); };
      mine.onerror = function () {
        if (mine !== stream || mine.readyState !== EventSource.CLOSED) { return; }  // it tries again by itself
        drop();
        retryAt = Date.now() + RETRY_MS;
        poll();
      };
    }

    function turn() {
      if (stream) {
        if (Date.now() - heard > SILENT_MS) { open(); }  // a connection that died without a word
      } else if (mayStream() && Date.now() >= retryAt) { open(); } else { poll(); }
    }

    var timer = setInterval(turn, POLL_MS);
    turn();
    return {
      close: function () { closed = true; clearInterval(timer); drop(); if (pending) { pending.abort.abort(); } },
      streams: function () { return stream !== null; },
      latest: function () { return Date.now() - toldAt < POLL_MS ? latest : {}; }
    };
  };
})(self);
