// The official JavaScript client on the sandbox: each step's name, and "ok" or what went wrong, as one JSON object.
// Usage: node client.cjs '{"rest":…,"ws":…,"api_key":…,"api_secret":…}'; the client is found through NODE_PATH.
"use strict";
const assert = require("node:assert/strict");
const { KiteConnect, KiteTicker } = require("kiteconnect");

const info = JSON.parse(process.argv[2]);
const kite = new KiteConnect({ api_key: info.api_key, root: info.rest });
const order = { exchange: "NSE", tradingsymbol: "INFY", transaction_type: "BUY", quantity: 1, product: "MIS" };
const market = { ...order, order_type: "MARKET", market_protection: -1 };
const updates = [];
const ticks = [];
let ticker;
let low = 0;

async function until(what, look) {
  const deadline = Date.now() + 8000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`${what} did not come`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

const last = async (id) => (await kite.getOrderHistory(id)).at(-1);
const status = (id, wanted) => until(wanted, async () => (await last(id)).status === wanted);

const steps = {
  async login() {
    assert.ok(kite.getLoginURL().includes("api_key=" + info.api_key));
    const form = new URLSearchParams({ user_id: "SB0001", password: "sandbox", totp: "000000", api_key: info.api_key });
    const answer = await fetch(info.rest + "/connect/login", { method: "POST", body: form, redirect: "manual" });
    const token = new URL(answer.headers.get("location")).searchParams.get("request_token");
    const session = await kite.generateSession(token, info.api_secret);
    assert.equal(session.access_token.length, 32);
    assert.equal((await kite.getProfile()).user_id, info.user_id);
  },
  async instruments() {
    const rows = await kite.getInstruments("NSE");
    const infy = rows.find((row) => row.tradingsymbol === "INFY");
    assert.equal(Number(infy.instrument_token), 408065);
    assert.ok((await kite.getInstruments()).length > rows.length);
  },
  async quote() {
    const infy = (await kite.getQuote(["NSE:INFY", "NSE:NIFTY 50"]))["NSE:INFY"];
    assert.equal(infy.depth.buy.length, 5);
    low = infy.lower_circuit_limit;
    assert.equal((await kite.getLTP(["NSE:INFY"]))["NSE:INFY"].instrument_token, 408065);
    assert.ok((await kite.getOHLC(["NSE:INFY"]))["NSE:INFY"].ohlc.close > 0);
  },
  async history() {
    const rows = await kite.getHistoricalData(408065, "minute", "2026-11-19 09:15:00", "2026-11-19 09:19:00");
    assert.equal(rows.length, 5);
    assert.ok(rows[0].date instanceof Date);
  },
  async full_mode_ticks() {
    ticker = new KiteTicker({ api_key: info.api_key, access_token: kite.access_token, root: info.ws + "/", reconnect: false });
    ticker.on("ticks", (batch) => ticks.push(...batch));
    ticker.on("order_update", (one) => updates.push(one));
    ticker.on("connect", () => {
      ticker.subscribe([408065, 256265]);
      ticker.setMode(ticker.modeFull, [408065, 256265]);
    });
    ticker.connect();
    const full = await until("a full tick", () => ticks.find((one) => one.instrument_token === 408065 && one.mode === "full"));
    assert.equal(full.depth.sell.length, 5);
    assert.ok(full.last_price > 0 && full.exchange_timestamp instanceof Date);
    await until("an index", () => ticks.find((one) => one.instrument_token === 256265 && one.tradable === false));
  },
  async place_and_order_updates() {
    const { order_id } = await kite.placeOrder("regular", { ...market, tag: "js" });
    await status(order_id, "COMPLETE");
    await until("the update", () => updates.find((one) => one.order_id === order_id && one.status === "COMPLETE"));
    assert.equal((await kite.getOrderTrades(order_id))[0].quantity, 1);
    assert.ok((await kite.getOrders()).some((row) => row.order_id === order_id && row.tag === "js"));
    assert.ok((await kite.getPositions()).net.some((row) => row.tradingsymbol === "INFY"));
  },
  async modify_and_cancel() {
    const { order_id } = await kite.placeOrder("regular", { ...order, order_type: "LIMIT", price: low });
    await status(order_id, "OPEN");
    const price = Math.round(low + 1);
    await kite.modifyOrder("regular", order_id, { price });
    await until("the new price", async () => (await last(order_id)).price === price);
    assert.equal((await kite.cancelOrder("regular", order_id)).order_id, order_id);
    await status(order_id, "CANCELLED");
    await assert.rejects(kite.cancelOrder("regular", order_id), { error_type: "OrderException" });
  },
  async margins() {
    assert.ok((await kite.getMargins("equity")).available.live_balance > 0);
    const one = { ...order, variety: "regular", order_type: "LIMIT", price: 1000, trigger_price: 0 };
    assert.ok((await kite.orderMargins([one], "regular"))[0].total > 0);
    assert.ok((await kite.orderBasketMargins([one, one], false)).initial.total > 0);
  },
  async contract_note() {
    const one = { ...order, variety: "regular", order_type: "LIMIT", order_id: "1", average_price: 1000, quantity: 20 };
    const [note] = await kite.getvirtualContractNote([one]);
    assert.ok(Math.abs(note.charges.total - 8.42812) < 1e-4);
  },
  async postback() {
    const update = updates.find((one) => one.status === "COMPLETE");
    assert.equal(kite.validatePostback({ ...update, order_timestamp: raw(update) }, info.api_secret), true);
  },
  async gtt() {
    const price = Math.round(ticks.findLast((one) => one.instrument_token === 408065).last_price * 0.95);
    const trigger = {
      trigger_type: kite.GTT_TYPE_SINGLE,
      tradingsymbol: "INFY",
      exchange: "NSE",
      trigger_values: [price],
      last_price: ticks.findLast((one) => one.instrument_token === 408065).last_price,
      orders: [{ transaction_type: "BUY", quantity: 1, product: "CNC", order_type: "LIMIT", price }],
    };
    const { trigger_id } = await kite.placeGTT(trigger);
    assert.equal((await kite.getGTT(trigger_id)).status, "active");
    assert.equal((await kite.modifyGTT(trigger_id, { ...trigger, trigger_values: [price - 1] })).trigger_id, trigger_id);
    assert.ok((await kite.getGTTs()).some((row) => row.id === trigger_id));
    assert.equal((await kite.deleteGTT(trigger_id)).trigger_id, trigger_id);
  },
  async mutual_funds() {
    assert.equal((await kite.getMFHoldings()).length, 1);
    assert.equal((await kite.getMFInstruments()).filter((row) => row.amc).length, 3);
    assert.equal((await kite.getMFSIPS()).length, 1);
    assert.equal((await kite.getMFOrders()).length, 2);
  },
  async logout() {
    await kite.invalidateAccessToken();
    await assert.rejects(kite.getProfile(), { error_type: "TokenException" });
  },
};

function raw(update) {
  const stamp = update.order_timestamp; // the client may have made a Date of it, in the machine's own zone
  if (!(stamp instanceof Date)) return stamp;
  const two = (number) => String(number).padStart(2, "0");
  const date = [stamp.getFullYear(), two(stamp.getMonth() + 1), two(stamp.getDate())].join("-");
  return `${date} ${two(stamp.getHours())}:${two(stamp.getMinutes())}:${two(stamp.getSeconds())}`;
}

(async () => {
  const found = {};
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      found[name] = "ok";
    } catch (error) {
      found[name] = `${error.error_type || error.name}: ${error.message}`;
    }
  }
  process.stdout.write(JSON.stringify(found) + "\n", () => process.exit(0));
})();
