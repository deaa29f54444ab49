// The pad of the guard's login: large digits for a touch screen without a keyboard of its own.
(function () {
  "use strict";
  var pad = document.getElementById("pad"), field = document.querySelector("input[name=secret]");
  if (!pad || !field) { return; }
  pad.hidden = false;
  field.inputMode = "none";  // no second keyboard of the phone over this one
  pad.addEventListener("click", function (event) {
    var key = event.target.closest("button");
    if (!key) { return; }
    field.value = key.dataset.digit ? field.value + key.dataset.digit : field.value.slice(0, -1);
  });
})();
