// The page's style sheet, rule by rule. Colours are named once for light and once for dark; --keyword to --directive
// are those of code. Text has at least 4.5 : 1 contrast on its ground in both (WCAG 2.1, 1.4.3).
#include "stage/html_kinds.h"

const char *const html_style[] = {
    ":root{--ink:#1d2126;--soft:#5b6570;--paper:#fff;--panel:#f6f7f9;--line:#d9dee4;--accent:#0b63a5;"
    "--keyword:#8a2ba0;--type:#0b6e6a;--builtin:#1657b8;--number:#9a4a00;--comment:#5d6b52;"
    "--directive:#6a4fb3}",
    "@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#9aa5b1;--paper:#14171b;--panel:#1c2026;"
    "--line:#343b44;--accent:#6db5f2;--keyword:#d79be6;--type:#63cfc7;--builtin:#86b6ff;--number:#eda866;"
    "--comment:#93a585;--directive:#b7a2f5}}",
    "*{box-sizing:border-box}",
    "html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}",
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:17px/1.6 system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}",
    "header,main,footer{max-width:46rem;margin:0 auto;padding:0 1.25rem}",
    "header{padding-top:3rem}",
    "h1{font-size:2.3rem;line-height:1.15;margin:0 0 .4rem;letter-spacing:-.02em}",
    "h2{font-size:1.45rem;line-height:1.25;margin:0 0 .6rem;letter-spacing:-.01em;display:flex;gap:.7rem}",
    "h3{font-size:1rem;line-height:1.4;margin:0 0 .6rem;overflow-wrap:anywhere}",
    "h2 .n{color:var(--soft);font-weight:400;font-variant-numeric:tabular-nums}",
    "p{margin:0 0 .9rem}",
    "a{color:var(--accent)}",
    "a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--accent);"
    "outline-offset:2px}",
    ".skip{position:absolute;left:-99rem}",
    ".skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.3rem .6rem}",
    "nav ol{margin:1.2rem 0 0;padding:0 0 0 1.6rem;color:var(--soft);columns:17rem 2;column-gap:2.5rem}",
    "nav li{margin:.15rem 0;break-inside:avoid}",
    "nav a{text-decoration:none}",
    "nav a:hover{text-decoration:underline}",
    ".params{color:var(--soft);font-size:.9rem;margin:0}",
    ".params code{color:var(--ink)}",
    "section{border-top:1px solid var(--line);margin-top:2.6rem;padding-top:2.2rem}",
    "figure{margin:1.4rem 0;padding:1.1rem 1.2rem;background:var(--panel);border:1px solid var(--line);"
    "border-radius:10px}",
    "figcaption{margin:.7rem 0 0;font-size:.93rem;overflow-wrap:anywhere}",
    ".scroll{overflow-x:auto;margin:0 -.2rem;padding:0 .2rem}",
    "svg{display:block;height:auto;max-width:100%}",
    "svg text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;fill:var(--ink)}",
    "svg text.in{font-size:10.5px}",
    "svg text.white{fill:#fff}",
    "svg text.black{fill:#000}",
    "svg text.dim{fill:var(--soft)}",
    "svg text.on-edge{font-size:11px;fill:var(--soft);stroke:var(--panel);stroke-width:4px;paint-order:stroke}",
    "svg .none{fill:none;stroke:var(--line);stroke-width:.5}",
    "svg .frame{fill:none;stroke:var(--line)}",
    "svg .grid{stroke:var(--line)}",
    "svg .axis{stroke:var(--soft)}",
    "svg .mark{stroke:var(--ink);stroke-width:2}",
    "svg .box{fill:var(--paper);stroke:var(--soft)}",
    "svg .edge{fill:none;stroke:var(--soft)}",
    "svg.sample{display:inline-block;vertical-align:middle}",
    "svg g:hover>rect,svg g:hover>circle{stroke:var(--ink);stroke-width:1.5}",
    ".arrow{fill:var(--soft)}",
    ".pixels{image-rendering:pixelated;max-width:100%}",
    "img.pixels{height:auto;border:1px solid var(--line)}",
    ".flow{display:flex;flex-wrap:wrap;gap:1rem}",
    ".flow>div{min-width:0}",
    ".dial{width:120px}",
    ".name{font-size:.85rem;margin:.2rem 0;line-height:1.35}",
    ".dial .name{text-align:center}",
    ".dim{color:var(--soft)}",
    ".legend{font-size:.83rem;color:var(--soft);margin:.35rem 0;line-height:1.5}",
    ".hint{display:none}",
    ".scale{display:inline-block;width:9rem;max-width:40vw;height:.75em;vertical-align:-.05em;"
    "border-radius:3px;margin:0 .3em;print-color-adjust:exact;-webkit-print-color-adjust:exact}",
    ".key{display:inline-block;width:.8em;height:.8em;border-radius:2px}",
    ".tick{display:inline-block;width:2px;height:1em;background:var(--ink);vertical-align:-.15em}",
    ".item{display:inline-block;margin-right:1.1em}",
    ".tokens{display:flex;flex-wrap:wrap;gap:.5rem .3rem;line-height:1.3;margin:0 0 .4rem;padding:0;"
    "list-style:none}",
    ".tokens li{text-align:center;max-width:100%}",
    ".tokens b{display:block;font:.9rem ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;"
    "padding:.15rem .4rem;border-radius:4px;border:1px solid var(--line);overflow-wrap:anywhere;"
    "print-color-adjust:exact;-webkit-print-color-adjust:exact}",
    ".tokens small{display:block;font-size:.75rem;color:var(--soft);font-variant-numeric:tabular-nums}",
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}",
    "th,td{padding:.28rem .8rem .28rem 0;text-align:left;vertical-align:top}",
    "th{border-bottom:1.5px solid var(--soft);font-weight:600}",
    "td{border-bottom:1px solid var(--line)}",
    "td.num,th.num{text-align:right}",
    "td:first-child:not(.num){overflow-wrap:anywhere;min-width:6.5rem}",
    "pre{margin:0;font:.82rem/1.5 ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;overflow-x:auto;"
    "tab-size:4}",
    "summary{cursor:pointer;font-size:.83rem;color:var(--soft)}",
    "details pre{margin-top:.6rem}",
    ".kernels details{border-top:1px solid var(--line);padding:.3rem 0}",
    ".kernels summary code{color:var(--ink);overflow-wrap:anywhere}",
    ".kernels small{font-size:.95em;margin-left:.4rem}",
    "figure>details{margin-top:.5rem}",
    ".question{border-left:3px solid var(--accent);padding:.1rem 0 .1rem 1rem;margin:1rem 0}",
    ".question p:last-child{margin:0}",
    ".answer>summary{font-size:1rem;color:var(--accent);padding:.2rem 0}",
    ".answer[open]>summary{color:var(--soft)}",
    ".k{color:var(--keyword)}",
    ".t{color:var(--type)}",
    ".b{color:var(--builtin)}",
    ".u{color:var(--number)}",
    ".c{color:var(--comment)}",
    ".d{color:var(--directive)}",
    ".moves{display:flex;justify-content:space-between;font-size:.9rem;margin-top:1.4rem}",
    "footer{color:var(--soft);font-size:.85rem;padding-top:2rem;padding-bottom:3rem}",
    "@media(max-width:30rem){body{font-size:16px}header{padding-top:1.6rem}h1{font-size:1.8rem}"
    "header,main,footer{padding-left:.9rem;padding-right:.9rem}figure{padding:.8rem .8rem;border-radius:8px}"
    ".hint{display:block}table{font-size:.8rem}th,td{padding-right:.5rem}}",
    "@media print{:root{--ink:#000;--soft:#444;--paper:#fff;--panel:#fff;--line:#bbb}body{font-size:11pt}"
    "nav,.moves,.skip,.answer>summary{display:none}.answer::details-content{content-visibility:visible;"
    "block-size:auto}figure,h2,h3{break-inside:avoid}h2,h3{break-after:avoid}.scroll{"
    "overflow:visible}svg *{print-color-adjust:exact;-webkit-print-color-adjust:exact}}",
    "@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}",
    NULL,
};
