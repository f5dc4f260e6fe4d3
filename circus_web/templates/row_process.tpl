<tr data-row="p:{{process.pid}}" data-name="{{process.pid}} {{process.user}} {{process.command}}"{{!' class="leaving"' if process.is_stopping else ""}}>
<td class="num c-wid" data-cell="wid">{{"–" if process.wid is None else process.wid}}</td>
<th scope="row" class="num mono c-pid" data-cell="pid">{{process.pid}}</th>
<td class="num meter" data-cell="cpu" data-max="100">{{cells["cpu"]}}</td>
<td class="wide low-less c-spark" data-spark="cpu"></td>
<td class="num meter phone-less" data-cell="mem" data-max="100">{{cells["mem"]}}</td>
<td class="num wide" data-cell="rss">{{cells["rss"]}}</td>
<td class="num wide mid-less" data-cell="time">{{cells["time"]}}</td>
<td class="num"><time data-since="{{process.started or ""}}">{{ago(process.started)}}</time></td>
<td class="wide low-less">{{process.user}}</td>
<td class="wide mono c-prog">{{process.command}}{{" (stopping)" if process.is_stopping else ""}}</td>
<td class="c-acts"><div class="acts">
<a class="icon i-output" href="{{link("output", name=watcher, pid=process.pid)}}" aria-label="Output of process {{process.pid}}" title="Output"></a>
% if not readonly:
<button class="icon i-kill danger" form="act" name="button" value="{{action("kill", name=watcher, pid=process.pid)}}" data-key="x" aria-label="End process {{process.pid}}" title="End this process"></button>
% end
</div></td>
</tr>
