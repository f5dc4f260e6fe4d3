% if not endpoint:
<h1>Connect</h1>
% end
% if error:
<p class="flash flash-error" role="alert">{{error}}</p>
% end
<form method="post" action="{{root}}connect" class="stack{{" card narrow" if endpoint else ""}}" data-reconnect="{{chosen if error else ""}}">
<input type="hidden" name="csrf" value="{{csrf}}">
<label for="endpoint">Endpoint of a daemon</label>
% if len(endpoints) == 1:
<input id="endpoint" name="endpoint" value="{{endpoints[0]}}" readonly>
% else:
<select id="endpoint" name="endpoint">
% for known in endpoints:
<option{{!" selected" if known == chosen else ""}}>{{known}}</option>
% end
</select>
% end
<button class="button primary">Connect</button>
</form>
<p class="quiet">Other daemons can be reached once the console is started with <code>--endpoint</code> for each,
or with <code>httpd_endpoints</code> in its configuration.</p>
% if not endpoint:
<form method="post" action="{{root}}logout"><input type="hidden" name="csrf" value="{{csrf}}"><button class="plain small">Log out</button></form>
% end
