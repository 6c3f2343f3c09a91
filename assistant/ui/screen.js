// Scroll through slices with the wheel and the arrow keys. A step is sent when the picture of the last one is
// here; steps made meanwhile go together.
let waiting = false, steps = 0, timer = 0;

function send() {
  if (waiting || steps === 0) return;
  waiting = true;
  trigger("input", { steps: steps });
  steps = 0;
  timer = setTimeout(arrived, 1500);
}

function arrived() {
  clearTimeout(timer);
  waiting = false;
  send();
}

function scroll(count) {
  steps += count;
  send();
}

watch("value", arrived);
element.addEventListener("wheel", (event) => {
  if (event.ctrlKey || !element.querySelector("img") || event.deltaY === 0) return;
  event.preventDefault();
  scroll(Math.sign(event.deltaY));
}, { passive: false });
element.addEventListener("keydown", (event) => {
  const keys = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
  if (!(event.key in keys) || !element.querySelector("img")) return;
  event.preventDefault();
  scroll(keys[event.key]);
});
