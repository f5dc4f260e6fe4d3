<nav class="tabs" aria-label="About {{name}}">
<a href="{{link("watcher", name=name)}}">Processes</a>
<a href="{{link("output", name=name)}}">Output</a>
<a href="{{link("options", name=name)}}" aria-current="page">Options</a>
<a href="{{link("events", name=name)}}">Events</a>
</nav>
% if error:
<p class="flash flash-error" role="alert">{{error}}</p>
% end
<form method="post" action="{{link("options", name=name)}}" class="options" data-options>
<input type="hidden" name="csrf" value="{{csrf}}">
<div class="bar"><div class="search"><svg aria-hidden="true"><use href="#i-search"/></svg><input type="search" data-filter-fields aria-label="Search options" placeholder="Search options" autocomplete="off"></div></div>
% for title, members in groups:
<fieldset class="card" {{!"disabled" if readonly else ""}}>
<legend>{{title}}</legend>
% for field in members:
% ident = "option-" + field.name.replace(".", "-").replace(" ", "-")
<div class="field{{" bad" if field.error else ""}}">
<label for="{{ident}}"><code>{{field.name}}</code></label>
<div class="control">
% told = [ident + "-doc"] if field.doc or field.effect else []
% told += [ident + "-error"] if field.error else []
% described = ' aria-describedby="%s"' % " ".join(told) if told else ""
% described += ' aria-invalid="true"' if field.error else ""
% if field.kind == "boolean":
<select id="{{ident}}" name="option:{{field.name}}"{{!described}}><option value="yes"{{!" selected" if field.value == "yes" else ""}}>yes</option><option value="no"{{!" selected" if field.value == "no" else ""}}>no</option></select>
% elif "\n" in field.value or field.kind == "environment":
<textarea id="{{ident}}" name="option:{{field.name}}" rows="{{min(10, field.value.count("\n") + 2)}}" spellcheck="false"{{!described}}{{!" readonly" if field.is_fixed else ""}}>
{{field.value}}</textarea>
% else:
<input id="{{ident}}" name="option:{{field.name}}" value="{{field.value}}" autocomplete="off" spellcheck="false"{{!described}}{{!" readonly" if field.is_fixed else ""}}{{!' inputmode="numeric"' if field.kind in ("integer", "number") else ""}}>
% end
% if field.unit:
<span class="quiet">{{field.unit}}</span>
% end
% if field.error:
<p class="fault" id="{{ident}}-error">{{field.error}}</p>
% end
</div>
% if field.doc or field.effect:
<p class="doc" id="{{ident}}-doc">{{field.doc}}
% if field.effect and not field.is_fixed:
 <span class="effect">{{"takes effect at once" if field.effect == "at once" else field.effect}}</span>
% end
</p>
% end
</div>
% end
</fieldset>
% end
% if not readonly:
<div class="save"><button class="button primary">Save changes</button><span class="quiet" data-changed role="status"></span></div>
% end
</form>
