// NiiVue in the page: three planes and 3D. The canvas is made once and moved into each new place for it.
let canvas = null, viewer = null, base = null, version = null, wires = "", busy = null;

function able() {
  return !!document.createElement("canvas").getContext("webgl2");
}

async function make() {
  canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("aria-label", "NiiVue");
  const address = new URL("niivue/niivue.js", document.baseURI).href;
  const { Niivue } = await import(address);
  viewer = new Niivue({
    backColor: [0, 0, 0, 1], crosshairColor: [0.95, 0.78, 0.43, 0.8], show3Dcrosshair: true,
    isOrientationTextVisible: true, multiplanarShowRender: 1, isRadiologicalConvention: true,
    dragAndDropEnabled: false, loadingText: "", logLevel: "silent",
  });
  place();
  await viewer.attachToCanvas(canvas);
  viewer.setSliceType(viewer.sliceTypeMultiplanar);
  viewer.onLocationChange = (where) => {
    const line = element.querySelector(".where");
    if (line) line.textContent = `${where.mm.slice(0, 3).map((v) => v.toFixed(0)).join(", ")} mm  ${words(where)}`;
  };
}

function words(where) {
  return where.values.map((v, n) => n === 0 ? `${Math.round(v.value)} HU` : v.label || "").join("  ");
}

function place() {
  const spot = element.querySelector(".space");
  if (spot && canvas && canvas.parentElement !== spot) spot.prepend(canvas);
}

function connectome(boxes) {
  const size = boxes.points.length;
  const edges = new Array(size * size).fill(0);
  for (const [a, b] of boxes.edges) edges[a * size + b] = 1;
  const column = (axis) => boxes.points.map((p) => p[axis]);
  return {
    name: "boxes", nodeColormap: "warm", nodeColormapNegative: "winter", nodeMinColor: 0, nodeMaxColor: 1,
    nodeScale: 0.001, edgeColormap: "warm", edgeColormapNegative: "winter", edgeMin: 0.5, edgeMax: 1, edgeScale: 0.6,
    legendLineThickness: 0,
    nodes: { names: boxes.names, X: column(0), Y: column(1), Z: column(2), Color: boxes.names.map(() => 1),
      Size: boxes.names.map(() => 1) },
    edges,
  };
}

async function show(spot) {
  const state = JSON.parse(spot.dataset.state);
  const address = new URL(state.address.slice(1), document.baseURI).href;
  if (!viewer) await make();
  place();
  if (address !== base) {
    await viewer.loadVolumes([{ url: `${address}/ct.nii`, name: "ct.nii", cal_min: state.range[0], cal_max: state.range[1] }]);
    [base, version] = [address, ""];
  }
  if (state.version !== version) {
    if (viewer.volumes.length > 1) viewer.removeVolume(viewer.volumes[1]);
    if (state.version) {
      await viewer.addVolumeFromUrl({ url: `${address}/masks.nii`, name: "masks.nii", opacity: state.opacity });
      viewer.volumes[1].setColormapLabel(state.labels);
    }
    version = state.version;
  }
  [viewer.volumes[0].cal_min, viewer.volumes[0].cal_max] = state.range;
  if (viewer.volumes.length > 1) viewer.setOpacity(1, state.opacity);
  const wanted = JSON.stringify(state.boxes);
  if (wanted !== wires) {
    for (const mesh of [...viewer.meshes]) viewer.removeMesh(mesh);
    if (state.boxes) viewer.addMesh(viewer.loadConnectomeAsMesh(connectome(state.boxes)));
    wires = wanted;
  }
  viewer.scene.crosshairPos = viewer.mm2frac(state.at);
  viewer.updateGLVolume();
  viewer.resizeListener();
  viewer.createOnLocationChange();
  element.querySelector(".space")?.setAttribute("data-ready", state.version || "none");
}

async function mount() {
  const spot = element.querySelector(".space");
  if (!spot) return;
  if (!able()) {
    spot.querySelector(".where").textContent = spot.dataset.unable;
    return;
  }
  place();
  try {
    await (busy = (busy || Promise.resolve()).then(() => show(spot)));
  } catch (error) {
    busy = null;
    spot.querySelector(".where").textContent = `${spot.dataset.unable} (${error.message})`;
  }
}

watch("value", () => setTimeout(mount, 0));
mount();
