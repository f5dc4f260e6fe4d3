% summary = cells["summary"]
<section class="tiles" aria-label="Summary">
<div class="tile"><h2>Watchers</h2><p class="big"><span data-place="summary" data-cell="active">{{summary["active"]}}</span><small> of <span data-place="summary" data-cell="watchers">{{summary["watchers"]}}</span><span class="more"> active</span></small></p></div>
<div class="tile"><h2>Processes</h2><p class="big"><span data-place="summary" data-cell="processes">{{summary["processes"]}}</span></p></div>
<div class="tile"><h2>CPU</h2><p class="big"><span data-place="summary" data-cell="cpu">{{summary["cpu"]}}</span><small> %</small></p></div>
<div class="tile"><h2>Memory</h2><p class="big"><span data-place="summary" data-cell="mem">{{summary["mem"]}}</span><small> %</small></p></div>
<div class="tile"><h2><a href="{{root}}sockets">Socket hits</a></h2><p class="big"><span data-place="summary" data-cell="hits">{{summary["hits"]}}</span><small> /s</small></p></div>
<div class="tile wide"><h2>Circus itself</h2><table class="mini"><tbody>
% for name in ("circusd", "circusd-stats"):
% own = cells["own:" + name]
<tr><th scope="row">{{name}}</th><td><span data-place="own:{{name}}" data-cell="cpu">{{own["cpu"]}}</span> %</td><td data-place="own:{{name}}" data-cell="rss">{{own["rss"]}}</td></tr>
% end
</tbody></table></div>
</section>
% include("panels.tpl", panels=panels)
<section class="card charts" aria-label="The last hour">
<figure><figcaption>CPU <span class="quiet">% of a core, all watchers</span></figcaption><div class="chart" data-chart="total" data-series="cpu" role="img" aria-label="CPU of all watchers in the last hour"></div></figure>
<figure><figcaption>Memory <span class="quiet">% of the machine, all watchers</span></figcaption><div class="chart" data-chart="total" data-series="mem" role="img" aria-label="Memory of all watchers in the last hour"></div></figure>
</section>
<section class="card" aria-labelledby="watchers-title">
<div class="bar">
<h2 id="watchers-title">Watchers</h2>
<div class="search"><svg aria-hidden="true"><use href="#i-search"/></svg><input type="search" data-search aria-label="Search watchers" placeholder="Search"></div>
% if not readonly:
<details class="menu"><summary class="button">All watchers</summary><div class="menu-items">
<button form="act" name="button" value="{{action("reload-all")}}">Reload all</button>
<button form="act" name="button" value="{{action("reloadconfig")}}">Read configuration anew</button>
<button form="act" name="button" value="{{action("restart-all")}}" data-confirm="Stop everything and start it again?" class="danger">Restart everything</button>
</div></details>
% end
</div>
<div class="scroll" tabindex="0" role="region" aria-label="List of watchers">
<table class="grid fixed" data-rows>
<thead><tr>
<th scope="col" class="c-state">State</th>
<th scope="col" class="c-name"><button type="button" data-sort="name">Name</button></th>
<th scope="col" class="num c-long"><button type="button" data-sort="count">Proc<span class="long">esse</span>s</button></th>
<th scope="col" class="num c-fig"><button type="button" data-sort="cpu">CPU %</button></th>
<th scope="col" class="wide low-less c-spark"><span class="hide">CPU, the last minutes</span></th>
<th scope="col" class="num c-fig phone-less"><button type="button" data-sort="mem">Mem %</button></th>
<th scope="col" class="num wide low-less c-long">In state for</th>
<th scope="col" class="num wide mid-less c-long"><button type="button" data-sort="restarts">Replaced</button></th>
% if not readonly:
<th scope="col" class="c-acts"><span class="hide">Actions</span></th>
% end
</tr></thead>
<tbody data-region="watchers">
{{rows}}
</tbody>
</table>
</div>
% if rest:
<noscript><p class="note">These are the first 100. <a href="{{root}}?all=1">Show all</a></p></noscript>
% end
<p class="empty" data-none="There are no watchers yet."{{!" hidden" if rows else ""}}>There are no watchers yet.</p>
</section>
