% state = watched.state
% is_on = state in ("active", "starting")
% word = {"active": "Active", "stopped": "Inactive", "starting": "Starting", "stopping": "Stopping"}.get(state, state)
% if readonly:
<span class="toggle is-{{state}}">{{word}}</span>
% else:
<button class="toggle is-{{state}}" role="switch" aria-checked="{{"true" if is_on else "false"}}" aria-label="{{watched.name}} runs" title="{{"Stop" if is_on else "Start"}} {{watched.name}}" form="act" name="button" value="{{action("stop" if is_on else "start", name=watched.name)}}" data-key="s"{{!' data-confirm="This stops the console that you look at. Only circusctl brings it back. Stop it?"' if is_on and watched.name == "circushttpd" else ""}}>{{word}}</button>
% end
