% report = watched.report
<tr data-row="w:{{watched.name}}" data-name="{{watched.name.lower()}}" class="level-{{level}}{{" own" if watched.is_own else ""}}">
<td class="c-state">
% include("toggle.tpl")
</td>
<th scope="row" class="c-name"><a href="{{link("watcher", name=watched.name)}}" data-open>{{watched.name}}</a></th>
<td class="num" data-cell="count">{{cells["count"]}}</td>
<td class="num meter" data-cell="cpu" data-max="100">{{cells["cpu"]}}</td>
<td class="wide low-less c-spark" data-spark="cpu"></td>
<td class="num meter phone-less" data-cell="mem" data-max="100">{{cells["mem"]}}</td>
<td class="num wide low-less"><time data-since="{{report.get("since") or ""}}">{{ago(report.get("since"))}}</time></td>
<td class="num wide mid-less" data-cell="restarts">{{cells["restarts"]}}</td>
% if not readonly:
<td class="c-acts"><div class="acts">
<button class="icon i-minus wide" form="act" name="button" value="{{action("decr", name=watched.name)}}" data-key="-" aria-label="Remove a process of {{watched.name}}" title="Remove a process"></button>
<button class="icon i-plus wide" form="act" name="button" value="{{action("incr", name=watched.name)}}" data-key="+" aria-label="Add a process to {{watched.name}}" title="Add a process"></button>
<button class="icon i-reload wide" form="act" name="button" value="{{action("reload", name=watched.name)}}" aria-label="Reload {{watched.name}}" title="Reload: replace its processes one by one"></button>
<button class="icon i-restart" form="act" name="button" value="{{action("restart", name=watched.name)}}" aria-label="Restart {{watched.name}}" title="Restart"></button>
</div></td>
% end
</tr>
