<tr data-row="e:{{event.number}}" data-name="{{event.watcher}} {{event.action}}">
<td class="quiet nowrap"><time data-clock="{{event.time}}">{{clock(event.time)}}</time></td>
<th scope="row"><a href="{{link("watcher", name=event.watcher)}}">{{event.watcher}}</a></th>
<td><span class="tag tag-{{event.action}}{{" tag-bad" if event.details.get("exit_code") else ""}}">{{event.action}}</span></td>
<td>{{said(event.action, event.details)}}</td>
</tr>
