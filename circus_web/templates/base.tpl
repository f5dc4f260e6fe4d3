<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{title}} – Circus</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="{{root}}{{media}}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{{root}}{{media}}/vendor/uplot/uPlot.min.css">
<link rel="stylesheet" href="{{root}}{{media}}/console.css">
<script src="{{root}}{{media}}/theme.js"></script>
<script src="{{root}}{{media}}/vendor/uplot/uPlot.iife.min.js" defer></script>
<script type="module" src="{{root}}{{media}}/console.js"></script>
</head>
<body data-root="{{root}}" data-live="{{live}}" data-csrf="{{csrf}}" data-page="{{path}}" data-rest="{{rest}}">
% include("icons.tpl")
<a class="skip" href="#main">Skip to content</a>
% if not is_in or not endpoint:
<div class="gate">
<main id="main" class="gate-card">
<p class="brand"><svg aria-hidden="true"><use href="#i-tent"/></svg>Circus</p>
% include("flashes.tpl", flashes=flashes)
{{!body}}
</main>
</div>
% else:
<div class="shell">
<aside class="side">
<a class="brand" href="{{root}}"><svg aria-hidden="true"><use href="#i-tent"/></svg>Circus</a>
<nav aria-label="Pages">
% own = [("", "Watchers", "list"), ("events", "Events", "events")]
% own += [(page.slug, page.title, page.slug if page.slug in ("sockets", "extensions") else "page") for page in menu]
% own += [] if readonly else [("add", "Add Watcher", "plus")]
% for slug, name, icon in own:
<a href="{{root}}{{slug}}"{{!' aria-current="page"' if path == slug else ""}}><svg aria-hidden="true"><use href="#i-{{icon}}"/></svg>{{name}}</a>
% end
</nav>
<div class="side-foot">
<button type="button" class="plain" data-theme-toggle><svg aria-hidden="true"><use href="#i-theme"/></svg><span>Theme</span></button>
<button type="button" class="plain" data-help><svg aria-hidden="true"><use href="#i-keys"/></svg><span>Keys</span></button>
<form method="post" action="{{root}}logout"><input type="hidden" name="csrf" value="{{csrf}}"><button class="plain"><svg aria-hidden="true"><use href="#i-out"/></svg><span>Log out</span></button></form>
<p class="quiet">Circus {{version}}</p>
</div>
</aside>
<div class="content">
<header class="top">
<h1>{{title}}</h1>
% if readonly:
<span class="tag">read-only</span>
% end
<form class="endpoint" method="post" action="{{root}}disconnect">
<input type="hidden" name="csrf" value="{{csrf}}">
<span class="dot" data-dot></span><code>{{endpoint}}</code>
<button class="plain small">Disconnect</button>
</form>
</header>
<div class="lost" data-lost role="status" hidden></div>
<main id="main">
% include("flashes.tpl", flashes=flashes)
{{!body}}
</main>
</div>
</div>
% if not readonly:
<form id="act" method="post" action="{{root}}do"><input type="hidden" name="csrf" value="{{csrf}}"><input type="hidden" name="back" value="{{back}}"></form>
% end
% end
<div class="toasts" data-toasts role="status" aria-live="polite"></div>
<dialog class="box" data-ask aria-labelledby="ask-text"><p id="ask-text"></p><div class="buttons"><button type="button" class="button" data-no>Cancel</button><button type="button" class="button danger" data-yes>Do it</button></div></dialog>
<dialog class="box" data-keys aria-labelledby="keys-title"><h2 id="keys-title">Keys</h2>
<dl class="keys">
<dt><kbd>/</kbd></dt><dd>search</dd>
<dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next and previous row</dd>
<dt><kbd>Enter</kbd></dt><dd>open the row</dd>
<dt><kbd>s</kbd></dt><dd>start or stop the watcher</dd>
<dt><kbd>+</kbd> <kbd>-</kbd></dt><dd>add or remove a process</dd>
<dt><kbd>x</kbd></dt><dd>end the process</dd>
<dt><kbd>g</kbd> <kbd>w</kbd></dt><dd>go to watchers; <kbd>s</kbd> sockets, <kbd>e</kbd> events, <kbd>a</kbd> add, <kbd>x</kbd> extensions</dd>
<dt><kbd>t</kbd></dt><dd>light or dark</dd>
<dt><kbd>?</kbd></dt><dd>this list</dd>
</dl>
<div class="buttons"><button type="button" class="button" data-no>Close</button></div></dialog>
</body>
</html>
