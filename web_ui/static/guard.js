// The guard's screen beside what it shows: sound and vibration for a new answer, and a screen that stays awake.
(function () {
  "use strict";
  var VIBRATE = { "pass": [200], "fail": [120, 80, 120, 80, 400], "check-again": [200, 150, 200] };
  var NOTES = { "pass": [[1760, 0, 0.4]], "fail": [[392, 0, 0.15], [392, 0.25, 0.15], [392, 0.5, 0.15]], "check-again": [[784, 0, 0.3], [784, 0.6, 0.3]] };
  var screenPart = document.getElementById("screen"), button = document.getElementById("sound"), audio = null, lock = null;

  function shown() { return screenPart.querySelector("[data-number]").dataset; }

  var last = shown().number;

  function sound(outcome) {
    (NOTES[outcome] || []).forEach(function (note) {
      var tone = audio.createOscillator(), gain = audio.createGain(), at = audio.currentTime + note[1];
      tone.frequency.value = note[0];
      gain.gain.value = 0.2;
      tone.connect(gain).connect(audio.destination);
      tone.start(at);
      tone.stop(at + note[2]);
    });
  }

  function look() {
    var now = shown();
    if (now.number === last || now.number === "0") { return; }
    last = now.number;
    if (audio) { sound(now.state); }
    if (navigator.vibrate && navigator.userActivation && navigator.userActivation.hasBeenActive) { navigator.vibrate(VIBRATE[now.state] || []); }
  }

  function stayAwake() {
    if (!("wakeLock" in navigator) || document.hidden) { return; }
    navigator.wakeLock.request("screen").then(function (held) { lock = held; }, function () { lock = null; });
  }

  if (window.AudioContext) {
    button.hidden = false;
    button.addEventListener("click", function () {
      if (audio) { audio.close(); audio = null; } else { audio = new AudioContext(); sound("pass"); }
      button.setAttribute("aria-pressed", String(Boolean(audio)));
      document.body.dataset.sounds = audio ? "yes" : "no";  // a guard who listens may look at another tab
    });
  }
  new MutationObserver(look).observe(screenPart, { childList: true });
  document.addEventListener("visibilitychange", function () { if (!lock || lock.released) { stayAwake(); } });
  stayAwake();
})();
