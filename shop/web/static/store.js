// What the pages do on top of plain HTML. Everything works without this file.

document.documentElement.classList.add("scripted");

// A list that sorts as soon as another order is chosen.
for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}

// A form that is sent once: the token in it makes a second order impossible, this saves the wait.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
// A page that comes back from the browser's memory may send its form again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
});

// A form that came back with mistakes: the first of them is where the shopper goes on.
document.querySelector('[aria-invalid="true"]')?.focus();

// Tell those who listen to the page what has changed in it.
function announce(element) {
  document.getElementById("news").textContent = element.innerText.trim().replace(/\s+/g, " ");
}

async function fetchPart(address, id, options) {
  const response = await fetch(address, options);
  if (!response.ok) return null;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return page.getElementById(id) && page;
}

// A checkout whose total follows the country, the shipping method and the codes.
for (const form of document.querySelectorAll("form[data-quote]")) {
  const codes = ["coupon_code", "gift_card_code"];
  const followed = ["country_code", "shipping_method", ...codes];
  let asked = 0;
  let isElsewhere = false;
  async function quote() {
    const turn = ++asked;
    // The card number stays in the form until the order is placed.
    const values = new FormData(form);
    const names = ["csrf_token", "email", ...followed];
    const body = new URLSearchParams(names.map((name) => [name, values.get(name) ?? ""]));
    const options = { method: "POST", body };
    const page = await fetchPart(form.dataset.quote, "summary", options).catch(() => null);
    if (!page || turn !== asked) return;
    for (const id of ["summary", ...codes.map((name) => `${name}-error`)]) {
      document.getElementById(id).replaceWith(page.getElementById(id));
    }
    for (const name of codes) {
      const isWrong = page.getElementById(name).getAttribute("aria-invalid");
      form.elements[name].setAttribute("aria-invalid", isWrong ?? "false");
    }
    const payment = page.getElementById("payment");
    for (const name of ["hidden", "disabled"]) form.querySelector("#payment")[name] = payment[name];
    // Within a country only the prices are exchanged, so that the chosen way keeps the focus.
    const part = isElsewhere ? "#methods" : ".choice-price";
    const parts = page.querySelectorAll(part);
    document.querySelectorAll(part).forEach((old, nth) => parts[nth] && old.replaceWith(parts[nth]));
    const [mistake] = form.querySelectorAll("#codes .error:not(:empty)");
    announce(mistake ?? form.querySelector("#summary .total:last-child, #summary .hint"));
    isElsewhere = false;
  }
  form.addEventListener("change", (event) => {
    isElsewhere ||= event.target.name === "country_code";
    if (followed.includes(event.target.name)) quote();
  });
  form.querySelector("[data-apply]").addEventListener("click", (event) => {
    event.preventDefault();
    quote();
  });
}

// A menu closes when one goes on elsewhere, or with Escape.
const menu = document.querySelector(".menu");
document.addEventListener("click", (event) => {
  if (!menu.contains(event.target)) menu.open = false;
});
menu.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// A receipt that is printed by its own button.
for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}

// An order that is followed until nothing more happens to it, as often as its page asks for. What
// can be read decides whether it has changed: a form's token is another one each time.
async function follow() {
  const order = document.querySelector("[data-follow]");
  if (!order) return;
  const page = document.hidden ? null : await fetchPart(location.href, "order").catch(() => null);
  const news = page?.getElementById("order");
  if (news && news.textContent !== order.textContent) {
    const wasInside = order.contains(document.activeElement);
    order.replaceWith(news);
    if (wasInside) document.getElementById("main").focus();
    document.title = page.title;
    announce(document.querySelector("h1"));
  }
  setTimeout(follow, document.querySelector("[data-follow]")?.dataset.follow ?? 0);
}
setTimeout(follow, document.querySelector("[data-follow]")?.dataset.follow ?? 0);
