/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * html_style.c - the page's style sheet: light and dark by what the reader's system says, print on
 * white with everything unfolded. Line by line, as a string literal may have no more than 4095
 * characters.
 */
#include <stddef.h>

#include "html_priv.h"

const char *const html_style[] = {
	":root{color-scheme:light dark;",
	"--bg:#f5f6f8;--card:#fff;--fg:#171b21;--dim:#5a6472;--line:#dfe3e8;--soft:#eef0f3;",
	"--q:#a86400;--r:#0f7a60;--a:#1b66b3;--s:#a0468a;--t:#5f6b7a;--u:#9aa3ae;--on:#fff;",
	"--ok:#12703f;--warn:#8f5600;--fail:#b3261e;--blind:#5b4a9c;",
	"--area:#6d8fb3;--p50:#d96b00;--p99:#c2185b;--mark:#6a1b9a;",
	"--h1:#d2e4f4;--h2:#b9d6ee;--h3:#8dbde2;--h4:#5c9dd2;--h5:#3579b9;--h6:#1b5597;"
	"--h7:#0a2f63}",
	"@media screen and (prefers-color-scheme:dark){:root{",
	"--bg:#0e1116;--card:#161b22;--fg:#e6e9ee;--dim:#9aa5b3;--line:#2b323c;"
	"--soft:#1f262f;",
	"--q:#eda93f;--r:#45c29f;--a:#62aef2;--s:#dd93ca;--t:#93a0b0;--u:#5d6875;"
	"--on:#0d1117;",
	"--ok:#5fd39a;--warn:#f0b455;--fail:#ff8a80;--blind:#b9a8ff;",
	"--area:#5f86b0;--p50:#ffb74d;--p99:#ff80ab;--mark:#ce93d8;",
	"--h1:#17304d;--h2:#1d4873;--h3:#25649c;--h4:#3583c2;--h5:#5ba6dd;--h6:#93caef;"
	"--h7:#d8f0ff}}",
	"*{box-sizing:border-box}",
	"html{-webkit-text-size-adjust:100%;text-size-adjust:100%}",
	"body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.45 system-ui,"
	"-apple-system,\"Segoe UI\",Roboto,\"DejaVu Sans\",sans-serif;"
	"font-variant-numeric:tabular-nums}",
	"main{max-width:1180px;margin:0 auto;padding:20px 16px 32px}",
	"header,section{background:var(--card);border:1px solid var(--line);"
	"border-radius:10px;padding:16px 20px;margin:0 0 14px}",
	"h1{font-size:22px;line-height:1.25;margin:0 0 6px;overflow-wrap:anywhere}",
	"h2{font-size:17px;margin:0 0 6px}",
	"h3{font-size:14px;margin:12px 0 4px}",
	"p{margin:0 0 8px}",
	".note,.dim,.sub,.cap,.legend,footer{color:var(--dim)}",
	".note,.cap,.legend,.sub{font-size:13px}",
	".none{color:var(--dim);margin:0}",
	".path,code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"
	"\"DejaVu Sans Mono\",monospace;font-size:.92em;overflow-wrap:anywhere}",
	".m{font-weight:600;font-size:.86em;letter-spacing:.02em}",
	"bdi{unicode-bidi:isolate;overflow-wrap:anywhere}",
	"dl{margin:0}dt{color:var(--dim)}dd{margin:0}",
	".facts{display:flex;flex-wrap:wrap;gap:2px 22px;font-size:13px;margin:0 0 14px}",
	".facts div{display:flex;gap:6px}",
	".verdict{display:flex;gap:16px;align-items:flex-start;"
	"border-left:5px solid var(--c);background:var(--soft);border-radius:6px;"
	"padding:12px 16px}",
	".verdict .state{color:var(--c);font-weight:700;font-size:20px;line-height:1.3;"
	"text-transform:uppercase;letter-spacing:.04em;margin:0}",
	".verdict ul{margin:0;padding:0;list-style:none;overflow-wrap:anywhere;min-width:0}",
	".verdict li{padding:2px 0}",
	".verdict li:first-child{font-weight:600;font-size:16px}",
	".v-up{--c:var(--ok)}.v-slow,.v-idle{--c:var(--warn)}.v-blind{--c:var(--blind)}"
	".v-erroring,.v-stuck,.v-down{--c:var(--fail)}",
	".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(138px,1fr));"
	"gap:10px;margin:0 0 12px}",
	".tile{background:var(--soft);border-radius:8px;padding:9px 12px}",
	".tile dt{font-size:13px}",
	".tile dd:first-of-type{overflow-wrap:anywhere;font-size:22px;line-height:1.25;"
	"font-weight:650}",
	".tile.bad dd:first-of-type{color:var(--fail)}"
	".tile.some dd:first-of-type{color:var(--warn)}",
	".ledger,.codes{display:flex;flex-wrap:wrap;align-items:center;gap:6px 10px;"
	"margin:0 0 8px}",
	".term{display:inline-flex;flex-direction:column;align-items:center;line-height:1.2;"
	"font-size:12px;color:var(--dim)}",
	".term b{font-size:15px;color:var(--fg);font-weight:600}",
	".op{color:var(--dim);font-size:16px}",
	".codes{font-size:13px}",
	".code{border:1px solid var(--line);border-radius:12px;padding:1px 9px}",
	".code.c4,.st.c4,td.warn{color:var(--warn)}li .fail,p.fail{color:var(--fail)}.code.c5,"
	".st.c5,td.fail{color:var(--fail);font-weight:600}",
	".chart{position:relative;padding-right:14px}.chart.flags{padding-top:22px}",
	".cap{margin:0 0 3px 64px}.cap b{color:var(--fg)}",
	".row{display:grid;grid-template-columns:56px 1fr;column-gap:8px;margin:0 0 8px}",
	".row svg,.pic svg.p,.pic svg.x{display:block;width:100%}",
	"svg.y,svg.x{overflow:visible}",
	"svg text{font-size:12px;fill:var(--dim)}",
	"svg.y text{text-anchor:end}",
	"svg.x text{text-anchor:middle}svg.x text.last{text-anchor:end}",
	"svg.p{border-bottom:1px solid var(--line)}",
	"svg.p path{shape-rendering:crispEdges}",
	".grid{stroke:var(--line);stroke-width:1;fill:none;vector-effect:non-scaling-stroke}",
	".area{fill:var(--area)}.bad{fill:var(--fail)}",
	".h1{fill:var(--h1);background:var(--h1)}.h2{fill:var(--h2);background:var(--h2)}"
	".h3{fill:var(--h3);background:var(--h3)}.h4{fill:var(--h4);background:var(--h4)}",
	".h5{fill:var(--h5);background:var(--h5)}.h6{fill:var(--h6);background:var(--h6)}"
	".h7{fill:var(--h7);background:var(--h7)}",
	"svg.p path.q50,svg.p path.q99{fill:none;stroke:var(--p50);stroke-width:1.6;"
	"vector-effect:non-scaling-stroke;shape-rendering:auto}",
	"svg.p path.q99{stroke:var(--p99)}",
	"line.slo{stroke:var(--fail);stroke-dasharray:5 4}",
	"text.slo{fill:var(--fail);text-anchor:end;paint-order:stroke;stroke:var(--card);"
	"stroke-width:3px}",
	".over{position:absolute;left:64px;right:14px;top:0;bottom:30px}",
	".tips{position:absolute;inset:0;width:100%;height:100%}",
	".tips rect{fill:transparent}.tips rect:hover{fill:var(--fg);fill-opacity:.12}",
	".mark{position:absolute;top:0;bottom:0;width:0;border-left:2px dashed var(--mark)}",
	".mark b{position:absolute;top:0;left:-11px;min-width:20px;text-align:center;"
	"background:var(--mark);color:var(--on);border-radius:10px;font-size:12px;"
	"line-height:20px}",
	".mark.l1 b{top:20px}.mark.l2 b{top:42px}",
	".legend{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:center;"
	"margin:4px 0 6px}",
	".legend span{display:inline-flex;align-items:center;gap:5px}",
	".legend i,.sw{display:inline-block;width:13px;height:13px;border-radius:3px;"
	"flex:none}",
	".legend .l50,.legend .l99{height:3px;width:18px;background:var(--p50)}"
	".legend .l99{background:var(--p99)}",
	".sw{width:10px;height:10px;margin-right:6px}",
	"i.q,i.r,i.a,i.s,i.t,i.u,.h1,.bar i,.mark b,.code,.verdict,"
	".tile{print-color-adjust:exact;-webkit-print-color-adjust:exact}",
	"i.q{background:var(--q)}i.r{background:var(--r)}i.a{background:var(--a)}"
	"i.s{background:var(--s)}i.t{background:var(--t)}i.u{background:var(--u)}",
	"path.q{fill:var(--q)}path.r{fill:var(--r)}path.a{fill:var(--a)}path.s{fill:var(--s)}"
	"path.t{fill:var(--t)}",
	".deploys{margin:0;padding-left:22px}",
	".stack{display:flex;height:30px;border-radius:6px;overflow:hidden;margin:8px 0 12px;"
	"background:var(--soft)}",
	".stack i{flex:0 1 auto;display:flex;align-items:center;overflow:hidden;"
	"min-width:2px}",
	".stack b{font-style:normal;font-size:13px;color:var(--on);padding:0 8px;"
	"white-space:nowrap;overflow:hidden;text-overflow:ellipsis}",
	".scroll{overflow-x:auto}",
	"table{border-collapse:collapse;width:100%;font-size:14px}",
	"th,td{text-align:right;padding:4px 0 4px 14px;white-space:nowrap;"
	"vertical-align:middle;border-top:1px solid var(--line);font-weight:400}",
	"thead th{color:var(--dim);font-size:12.5px;border-top:0;padding-bottom:5px}",
	"th:first-child,td.name,td.time,th.name,td.req,.slow th:last-child,"
	".open th:last-child,.errs th:last-child{text-align:left}",
	"th:first-child,td:first-child{padding-left:0}",
	"td.req,.routes>tbody>tr>th{white-space:normal;min-width:150px}",
	".slow td.req{width:42%}.open th:first-child,.open td:first-child{text-align:right}"
	".open td.req,.errs td.req{width:85%}",
	".routes>tbody>tr>th{width:42%}",
	".wrap th[scope=row]{white-space:normal}",
	".rest th,.rest td{color:var(--dim)}",
	".routes summary{cursor:pointer;text-align:left;padding-left:16px;text-indent:-16px}",
	".routes .more{display:none}",
	".routes .more>td{border-top:0;padding:2px 0 14px 16px;text-align:left;"
	"white-space:normal}",
	".routes tbody:has(details[open]) .more{display:table-row}",
	".more table{font-size:13px}.more p{margin:4px 0}",
	".slowest{font-size:13px}",
	"td.bar{position:relative;min-width:128px}",
	"td.bar i{position:absolute;left:14px;top:5px;bottom:5px;max-width:calc(100% - 14px);"
	"background:var(--h2);border-radius:3px}",
	"td.bar span{position:relative}",
	".dist th,.dist td{border-top:0}",
	".dist td.pic{width:54%;padding:6px 0 0 14px;vertical-align:bottom}",
	".dist th[scope=col]:nth-child(2){text-align:left}",
	".dist .axis td{border-top:0;padding-top:0;padding-bottom:0}",
	".pic svg.p{overflow:visible;position:relative}",
	".slow .pic{width:34%;min-width:130px}",
	".track{display:flex;height:15px;border-radius:3px;overflow:hidden;"
	"background:var(--soft)}",
	".track i{flex:0 1 auto;min-width:1px}",
	".slow th:nth-child(4){text-align:left}",
	"td.time{font-size:13px;color:var(--dim)}",
	".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),"
	"1fr));gap:6px 36px;align-items:start}",
	".unseen{margin:0 0 6px;padding-left:20px}",
	"footer{font-size:12.5px;padding:2px 20px}",
	"@supports not selector(:has(*)){.routes .more{display:table-row}}",
	"@media screen and (max-width:880px){.w,.odd{display:none}}",
	"@media screen and (max-width:700px){",
	"main{padding:8px 6px 20px}header,section{padding:12px 12px;border-radius:8px}",
	".verdict{flex-direction:column;gap:4px}",
	"th,td{padding-left:9px}.dist th,.dist td{border-top:0}",
	".dist td.pic{width:44%;padding-left:9px}",
	".routes>tbody>tr>th,td.req{min-width:110px}td.bar{min-width:76px}.slow td.time,"
	".slow th:first-child{display:none}",
	".slow .pic{min-width:90px;width:30%}.slow td.req{width:46%}}",
	"@media print{",
	"@page{margin:13mm 12mm}",
	"body{background:#fff;font-size:10.5px}main{max-width:none;padding:0}",
	"header,section{border:0;border-radius:0;padding:0 0 6px;margin:0 0 8px}",
	"h1{font-size:17px}h2{font-size:13.5px;border-bottom:1px solid var(--line);"
	"padding-bottom:2px}h2,h3,.note,.cap{break-after:avoid}h3{font-size:11.5px}",
	".note,.cap,.legend,.sub,.facts,.codes,.slowest,td.time,thead th,footer,.tile dt,"
	".stack b,table{font-size:10px}",
	".facts{margin-bottom:8px}.verdict{padding:8px 12px}.verdict .state{font-size:15px}"
	".verdict li:first-child{font-size:12px}",
	".tiles{grid-template-columns:repeat(6,1fr);gap:6px;margin-bottom:8px}"
	".tile{padding:6px 8px}.tile dd:first-of-type{font-size:15px}",
	".term{font-size:9.5px}.term b{font-size:12px}svg text{font-size:10px}"
	".stack{height:22px;margin:4px 0 6px}",
	"th,td{padding-top:2.5px;padding-bottom:2.5px}.more table{font-size:9.5px}"
	".track{height:11px}",
	".tips{display:none}.routes .more{display:table-row}",
	".routes summary{list-style:none;padding:0;text-indent:0}"
	".routes summary::-webkit-details-marker{display:none}",
	".chart,.verdict,.tiles,tr,table.dist,.routes>tbody,.pair>div{break-inside:avoid}"
	".scroll{overflow:visible}",
	".pair{grid-template-columns:1fr 1fr;gap:4px 28px}",
	"thead{display:table-header-group}footer{padding:2px 0}",
	"svg path,.stack i,.track i,.sw,.legend i{print-color-adjust:exact;"
	"-webkit-print-color-adjust:exact}}",
	NULL,
};
