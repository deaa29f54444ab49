// A shared worker: all tabs of a browser share one stream for each page and language. A browser opens six connections at most.
(function () {
  "use strict";
  importScripts("live_stream.js");
  var MAX_STREAMS = 3, GONE_MS = 15000;  // of six connections, three stay for requests; further pages are polled
  var channels = new Map();  // by address: what follows it, and the port of each tab with the time when it was last heard

  function streamCount() {
    return Array.from(channels.values()).filter(function (one) { return one.source && one.source.streams(); }).length;
  }

  function leave(port) {
    channels.forEach(function (one, key) {
      one.ports.delete(port);
      if (one.ports.size) { return; }
      one.source.close();
      channels.delete(key);
    });
  }

  function follow(port, channel) {
    var one = channels.get(channel.live);
    if (one && one.ports.has(port)) { one.ports.set(port, Date.now()); return; }
    leave(port);
    if (one && channels.has(channel.live)) {
      one.ports.set(port, Date.now());
      port.postMessage({ parts: one.source.latest(), polling: !one.source.streams() });
      return;
    }
    var made = { ports: new Map([[port, Date.now()]]), source: null };
    channels.set(channel.live, made);
    made.source = self.followKiosk(channel, function () { return streamCount() < MAX_STREAMS; }, function (parts, polling) {
      made.ports.forEach(function (_, each) { each.postMessage({ parts: parts, polling: polling }); });
    });
  }

  self.onconnect = function (event) {
    var port = event.ports[0];
    port.onmessage = function (message) { if (message.data) { follow(port, message.data); } else { leave(port); } };
  };

  setInterval(function () {  // tabs that ended without a word
    channels.forEach(function (one) {
      one.ports.forEach(function (heard, port) { if (Date.now() - heard > GONE_MS) { leave(port); } });
    });
  }, 5000);
})();
