% report = watched.report
<div class="head" data-row="head">
% include("toggle.tpl")
<p class="facts">
<span><b>{{watched.counted}}</b>{{"" if report.get("numprocesses") in (None, watched.counted) else " of %s" % report["numprocesses"]}} processes</span>
<span>{{watched.state}} for <time data-since="{{report.get("since") or ""}}">{{ago(report.get("since"))}}</time></span>
% if report.get("restarts"):
<span>{{report["restarts"]}} replaced</span>
% end
% if report.get("last_exit"):
<span>last exit: pid {{report["last_exit"]["pid"]}} {{ended(report["last_exit"]["exit_code"])}}, <time data-since="{{report["last_exit"]["time"]}}">{{ago(report["last_exit"]["time"])}}</time> ago</span>
% end
</p>
% if not readonly:
<div class="buttons">
<button class="button" form="act" name="button" value="{{action("incr", name=watched.name)}}" data-key="+"><svg aria-hidden="true"><use href="#i-plus"/></svg>Add process</button>
<button class="button" form="act" name="button" value="{{action("decr", name=watched.name)}}" data-key="-"><svg aria-hidden="true"><use href="#i-minus"/></svg>Remove process</button>
<button class="button" form="act" name="button" value="{{action("reload", name=watched.name)}}"><svg aria-hidden="true"><use href="#i-reload"/></svg>Reload</button>
<button class="button" form="act" name="button" value="{{action("restart", name=watched.name)}}"><svg aria-hidden="true"><use href="#i-restart"/></svg>Restart</button>
</div>
% end
</div>
