% if readonly:
<p class="flash flash-error" role="alert">This console is read-only.</p>
% else:
% if error:
<p class="flash flash-error" role="alert">{{error}}</p>
% end
<form method="post" action="{{root}}add" class="card stack form">
<input type="hidden" name="csrf" value="{{csrf}}">
% for ident, label, hint in (("name", "Name", ""), ("cmd", "Command", "As you would type it, such as /usr/bin/redis-server --port 6380"), ("args", "Arguments", "More words for the command; may stay empty"), ("numprocesses", "Processes", ""), ("working_dir", "Working directory", "That of circusd when empty")):
<div class="field{{" bad" if ident in errors else ""}}">
<label for="{{ident}}">{{label}}</label>
<div class="control">
<input id="{{ident}}" name="{{ident}}" value="{{values.get(ident, "")}}" autocomplete="off" spellcheck="false"{{!" required" if ident in ("name", "cmd") else ""}}{{!' inputmode="numeric"' if ident == "numprocesses" else ""}}{{!' aria-invalid="true" aria-describedby="%s-error"' % ident if ident in errors else ""}}>
% if ident in errors:
<p class="fault" id="{{ident}}-error">{{errors[ident]}}</p>
% end
</div>
% if hint:
<p class="doc">{{hint}}</p>
% end
</div>
% end
<div class="field"><span class="label">How</span><div class="control checks">
<label><input type="checkbox" name="shell" value="1"{{!" checked" if "shell" in values else ""}}> run by a shell</label>
<label><input type="checkbox" name="copy_env" value="1"{{!" checked" if "copy_env" in values else ""}}> copy the environment of circusd</label>
<label><input type="checkbox" name="start" value="1"{{!" checked" if "start" in values else ""}}> start it now</label>
</div></div>
% for ident, label, hint in (("env", "Environment", "One NAME=value a line"), ("more", "More options", "One option = value a line, such as graceful_timeout = 5")):
<div class="field{{" bad" if ident in errors else ""}}">
<label for="{{ident}}">{{label}}</label>
<div class="control">
<textarea id="{{ident}}" name="{{ident}}" rows="3" spellcheck="false"{{!' aria-invalid="true" aria-describedby="%s-error"' % ident if ident in errors else ""}}>
{{values.get(ident, "")}}</textarea>
% if ident in errors:
<p class="fault" id="{{ident}}-error">{{errors[ident]}}</p>
% end
</div>
<p class="doc">{{hint}}</p>
</div>
% end
<div class="buttons"><button class="button primary">Add watcher</button></div>
</form>
% end
