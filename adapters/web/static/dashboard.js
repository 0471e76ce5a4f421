// The page: it hears a beat a second (server-sent events) and reads again only what the beat says has changed.
"use strict";

const SIGNED = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });
// A minus sign, as in the reports: a hyphen is easily overlooked.
const RUPEES = { format: (amount) => SIGNED.format(amount).replace("-", "\u2212") };
const PLAIN = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const WHOLE = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 0 });
const ROWS_MAX = 150; // more than anybody reads, less than a browser stumbles over
const IST_SECONDS = 19800; // charts label UTC: shifted, they show India's time
// Bars that fill the chart at first (one may zoom out), and how many fills may carry their quantity beside the arrow.
const BARS_SHOWN = 150, LABELS_MAX = 8;
const STATES = { acknowledged: "open", quarantined: "unresolved", intent: "waiting" };

async function call(path, body, headers = {}) {
  const reply = await fetch("/api/" + path, body === undefined
    ? { headers }
    : { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  if (reply.status === 401) { location.reload(); throw new Error("logged out"); }
  const said = await reply.json();
  if (!reply.ok) throw new Error(said.error || "HTTP " + reply.status);
  return said;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const seconds = (ns) => Math.floor(ns / 1e9) + IST_SECONDS;

// Charts are kept outside of Alpine: a reactive proxy around them would watch every point.
const charts = {};
function chartIn(id) {
  if (!charts[id]) {
    const chart = LightweightCharts.createChart(document.getElementById(id), { autoSize: true });
    charts[id] = { chart, series: null, marks: null };
  }
  charts[id].chart.applyOptions({
    layout: { background: { color: "transparent" }, textColor: colour("--muted"), attributionLogo: false, fontFamily: "system-ui, sans-serif" },
    grid: { vertLines: { visible: false }, horzLines: { color: colour("--line") } },
    rightPriceScale: { borderVisible: false },
    timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false },
    localization: { priceFormatter: (value) => PLAIN.format(value) },
  });
  return charts[id];
}

function increasing(points) {
  const found = new Map();
  for (const point of points) found.set(point.time, point);
  return [...found.values()].sort((a, b) => a.time - b.time);
}

document.addEventListener("alpine:init", () => Alpine.data("dashboard", () => ({
  status: { env: "", running: false, state: "", versions: {}, money: null, feed: null, orders: 0 },
  connected: false, lost: false, strategies: [], positions: [], orders: [], limits: [], barsMax: 12, alerts: [], actors: [], logs: [], reports: [], charts: [],
  curveOf: "", chartOf: "", orderState: "", logLevel: "INFO", logText: "", showFlat: false, said: "", theme: "", lastNet: null, barCount: 0,
  confirming: { title: "", says: "", verb: "", why: "", error: "", busy: false, action: "", body: {} },
  life: { tag: "", steps: [] }, busy: new Set(), curveEnd: 0,

  init() {
    this.theme = localStorage.getItem("theme") || "";
    document.documentElement.dataset.theme = this.theme;
    this.$watch("logText", () => this.loadLogs());
    const source = new EventSource("/api/events");
    source.addEventListener("beat", (event) => this.beat(JSON.parse(event.data)));
    source.onopen = () => { if (this.lost) this.refresh(); this.connected = true; this.lost = false; };
    source.onerror = () => {
      this.connected = false; this.lost = true;
      if (source.readyState === EventSource.CLOSED) this.knock();
    };
    this.refresh();
    setInterval(() => this.slow(), 5000);
  },
  // A browser gives up on an answer that is no stream: look whether it is the token that is asked for.
  async knock() {
    try { if ((await fetch("/api/status")).status === 401) return location.reload(); location.reload(); } catch { setTimeout(() => this.knock(), 2000); }
  },

  beat(status) {
    const before = this.status.versions, now = status.versions;
    this.status = status;
    document.title = (status.money ? RUPEES.format(status.money.net) + " · " : "") + "Patang";
    this.load("positions"); this.load("strategies"); this.load("limits");
    if (now.journal !== before.journal) this.loadOrders();
    if (now.alerts !== before.alerts) this.load("alerts");
    if (now.log !== before.log) this.loadLogs();
    if (document.visibilityState === "visible") { this.loadBars(); }
  },
  refresh() { for (const name of ["strategies", "positions", "limits", "alerts", "reports"]) this.load(name); this.loadOrders(); this.loadLogs(); this.slow(); },
  async slow() {
    this.loadTree(); this.load("reports"); this.curveEnd = 0; this.loadCurve();
    await this.load("charts");
    if (!this.chartOf && this.charts.length) { this.chartOf = this.charts[0].instrument + "|" + this.charts[0].seconds; this.loadBars(true); }
  },
  // One reading of a kind at a time; a reading that fails leaves what is shown.
  async once(name, reading) {
    if (this.busy.has(name)) return;
    this.busy.add(name);
    try { await reading(); } catch (error) { if (this.connected) console.warn(name, error.message); } finally { this.busy.delete(name); }
  },
  load(name) { return this.once(name, async () => { this[name] = await call(name); }); },
  loadOrders() { return this.once("orders", async () => { this.orders = (await call("orders?limit=" + ROWS_MAX + "&order_state=" + this.orderState)); }); },
  loadLogs() {
    return this.once("logs", async () => {
      const lines = await call("logs?limit=" + ROWS_MAX + "&level=" + this.logLevel + "&text=" + encodeURIComponent(this.logText));
      this.logs = lines.reverse().map((line, number) => {
        const { time, ns, level, event, market_time, actor, incarnation, traceback, ...rest } = line;
        return { key: ns + "." + number, level, event, at: (market_time || time || "").slice(11, 19), rest: this.keysOf({ actor, ...rest }) };
      });
    });
  },
  loadTree() {
    return this.once("tree", async () => {
      const rows = [], walk = (node, depth, path) => {
        rows.push({ ...node, children: undefined, key: path + "/" + node.id, depth_px: depth * 14 });
        for (const child of node.children || []) walk(child, depth + 1, path + "/" + node.id);
      };
      const tree = await call("tree");
      if (tree) walk(tree, 0, "");
      this.actors = rows.slice(0, ROWS_MAX);
    });
  },
  loadCurve() {
    return this.once("curve", async () => {
      const points = await call("curve?limit=2000&strategy=" + encodeURIComponent(this.curveOf));
      const held = chartIn("curve");
      if (!held.series) held.series = held.chart.addSeries(LightweightCharts.BaselineSeries, { baseValue: { type: "price", price: 0 }, lineWidth: 2, priceLineVisible: false });
      held.series.applyOptions({ topLineColor: colour("--gain"), bottomLineColor: colour("--loss"), topFillColor1: colour("--gain-soft"), topFillColor2: "transparent", bottomFillColor1: "transparent", bottomFillColor2: colour("--loss-soft") });
      held.series.setData(increasing(points.map((point) => ({ time: seconds(point.time_ns), value: point.net }))));
      this.lastNet = points.length ? points[points.length - 1].net : null;
      held.chart.timeScale().fitContent();
    });
  },
  loadBars(anew) {
    if (!this.chartOf) return;
    return this.once("bars", async () => {
      const [instrument, length] = this.chartOf.split("|");
      const read = await call("bars?instrument=" + encodeURIComponent(instrument) + "&seconds=" + length);
      const held = chartIn("price");
      if (!held.series) {
        held.series = held.chart.addSeries(LightweightCharts.CandlestickSeries, { borderVisible: false });
        held.marks = LightweightCharts.createSeriesMarkers(held.series, []);
      }
      const up = colour("--gain"), down = colour("--loss");
      held.series.applyOptions({ upColor: up, wickUpColor: up, downColor: down, wickDownColor: down });
      const bars = increasing(read.bars.map((bar) => ({ time: seconds(bar.time_ns), open: bar.open, high: bar.high, low: bar.low, close: bar.close })));
      held.series.setData(bars);
      const step = Number(length);
      held.marks.setMarkers(read.fills.map((fill) => {
        const buy = fill.side === "BUY", at = seconds(fill.time_ns);
        return { time: at - ((at - IST_SECONDS) % step), position: buy ? "belowBar" : "aboveBar", shape: buy ? "arrowUp" : "arrowDown", color: buy ? up : down, text: read.fills.length > LABELS_MAX ? "" : String(fill.quantity) };
      }).sort((a, b) => a.time - b.time));
      if (anew === true || held.shown !== this.chartOf) {
        if (bars.length > BARS_SHOWN) held.chart.timeScale().setVisibleLogicalRange({ from: bars.length - BARS_SHOWN, to: bars.length + 3 });
        else held.chart.timeScale().fitContent();
        held.shown = this.chartOf;
      }
      this.barCount = bars.length;
    });
  },

  // What is shown of what is known.
  get stateText() { return this.lost ? "no connection" : this.status.state + (this.status.state === "ACTIVE" || !this.status.why ? "" : ": " + this.status.why); },
  get stateClass() { return !this.connected ? "wait" : { ACTIVE: "good", STARTING: "wait", REDUCING: "wait" }[this.status.state] || "bad"; },
  get envClass() { return this.status.env === "live" ? "live" : ""; },
  get marketTime() { return this.status.market_time ? "Market " + this.status.market_time.slice(11, 19) + " IST" : ""; },
  get feedText() { const feed = this.status.feed; return !feed ? "" : !feed.connected ? "feed down" : "feed " + (feed.age_seconds === null ? "silent" : feed.age_seconds.toFixed(0) + " s old"); },
  get feedClass() { const feed = this.status.feed; return feed && (!feed.connected || feed.age_seconds > 10) ? "loss" : ""; },
  get banner() {
    if (this.lost) return "The dashboard's server does not answer. What you see is old; it is tried again by itself.";
    if (this.connected && this.status.running && this.status.age_seconds > 10) return "The trader has told nothing of itself for " + Math.round(this.status.age_seconds) + " s.";
    return "";
  },
  get isHalted() { return this.status.state === "HALTED"; },
  get haltText() { return this.isHalted ? "HALTED" : "HALT"; },
  get netText() { return this.status.money ? "₹ " + RUPEES.format(this.status.money.net) : this.lastNet === null ? "–" : "₹ " + RUPEES.format(this.lastNet); },
  get netClass() { return this.signClass(this.status.money ? this.status.money.net : this.lastNet); },
  get roundTrips() { return this.status.money ? this.status.money.round_trips : this.strategies.reduce((sum, each) => sum + each.round_trips, 0); },
  get openText() { return (this.status.open ?? 0) + (this.status.unresolved ? " (" + this.status.unresolved + " unresolved)" : ""); },
  get unseen() { return this.alerts.filter((alert) => !alert.seen_by && alert.level !== "info"); },
  get unseenCount() { return this.unseen.length || ""; },
  get nothingNeeded() { return !this.unseen.length; },
  get shownAlerts() { return this.unseen.slice(0, 50).concat(this.alerts.filter((alert) => alert.seen_by || alert.level === "info").slice(0, 10)); },
  get shownPositions() { return this.positions.filter((each) => this.showFlat || each.quantity).slice(0, ROWS_MAX); },
  get curveLabel() { return "Result over time; now " + this.netText; },
  get priceLabel() { return "Price of " + this.chartOf.replace("|", ", seconds ") + ", " + this.barCount + " bars"; },
  get themeLabel() { return this.theme === "dark" ? "Light colours" : "Dark colours"; },
  get lifeSays() { const o = this.life; return o.instrument ? [o.strategy, o.side, o.quantity, o.instrument, o.kind, o.reason, o.text].filter(Boolean).join(" · ") : ""; },
  get chargesText() { return this.status.money ? PLAIN.format(this.status.money.charges) : "–"; },
  moneyOf(name) { return this.status.money ? RUPEES.format(this.status.money[name]) : "–"; },
  rupees(value) { return RUPEES.format(value); },
  price(value) { return value === null ? "–" : PLAIN.format(value); },
  signClass(value) { return value > 0 ? "gain" : value < 0 ? "loss" : ""; },
  timeOf(text) { return (text || "").slice(11, 19); },
  interval(length) { return length % 86400 === 0 ? length / 86400 + " d" : length % 3600 === 0 ? length / 3600 + " h" : length % 60 === 0 ? length / 60 + " min" : length + " s"; },
  keysOf(keys) { return Object.entries(keys || {}).filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => name + "=" + (typeof value === "object" ? JSON.stringify(value) : value)).join("  "); },
  strategyState(each) { return !each.enabled ? "off" : each.unresolved ? "unresolved" : each.state === "up" ? "trading" : each.state === "gave_up" ? "frozen" : each.state; },
  strategyClass(each) { return { trading: "good", frozen: "bad", unresolved: "bad" }[this.strategyState(each)] || "wait"; },
  orderWord(order) { return STATES[order.state] || order.state; },
  orderClass(order) { return { complete: "good", rejected: "bad", quarantined: "bad", sending: "wait", acknowledged: "wait", intent: "wait" }[order.state] || ""; },
  percent(limit) { return limit.limit ? Math.min(100, Math.round(100 * limit.used / limit.limit)) : 0; },
  limitText(limit) { const say = (value) => limit.unit + WHOLE.format(value); return say(limit.used) + " of " + say(limit.limit); },
  limitClass(limit) { const full = this.percent(limit); return full >= 100 ? "over" : full >= 80 ? "near" : ""; },

  // What is done.
  say(text) { this.said = text; clearTimeout(this.silence); this.silence = setTimeout(() => { this.said = ""; }, 6000); },
  async act(action, body, headers) {
    try { const done = await call(action, body, headers); this.say(done.text); return done.done; } catch (error) { this.say(error.message); return false; }
  },
  halt() { this.say("Halting…"); return this.act("halt", { why: "halted from the dashboard" }); },
  cancelOrder(tag) { return this.act("cancel", { why: "cancelled from the dashboard", tag }); },
  acknowledge(id) { return call("alerts/" + id + "/acknowledge", {}).then(() => this.load("alerts")).catch((error) => this.say(error.message)); },
  askResume() { this.ask("resume", {}, "Resume trading?", "The halt is cleared, and strategies may enter again.", "Resume"); },
  async askReload() {
    try {
      const found = await call("config/diff");
      if (found.error) return this.say("The files are wrong: " + found.error);
      if (!found.changes.length) return this.say("Nothing in the files is different.");
      const words = found.changes.slice(0, 8).map((each) => each.path + ": " + JSON.stringify(each.old) + " → " + JSON.stringify(each.new) + " (" + each.takes_effect + ")");
      this.ask("reload", {}, "Take the configuration over?", words.join("; ") + (found.changes.length > 8 ? "; and more" : ""), "Reload");
    } catch (error) { this.say(error.message); }
  },
  askFlatten(strategy) { this.ask("flatten", { strategy }, strategy ? "Flatten " + strategy + "?" : "Flatten everything?", "What is held is closed at market now.", "Flatten"); },
  ask(action, body, title, says, verb) { this.confirming = { title, says, verb, why: "", error: "", busy: false, action, body }; document.getElementById("confirm").showModal(); },
  closeConfirm() { document.getElementById("confirm").close(); },
  async doConfirm() {
    const asked = this.confirming, body = { ...asked.body, why: asked.why };
    asked.busy = true;
    try {
      const word = await call("confirm", { action: asked.action, body });
      const done = await call(asked.action, body, { "x-confirmation": word.confirmation });
      this.closeConfirm(); this.say(done.text);
    } catch (error) { asked.error = error.message; } finally { asked.busy = false; }
  },
  async openOrder(tag) {
    try { this.life = await call("orders/" + encodeURIComponent(tag)); document.getElementById("life").showModal(); } catch (error) { this.say(error.message); }
  },
  closeLife() { document.getElementById("life").close(); },
  switchTheme() {
    const dark = this.theme ? this.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    this.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", this.theme);
    document.documentElement.dataset.theme = this.theme;
    this.loadCurve(); this.loadBars();
  },
})));
