<div class="card" data-region="watcher-head">
{{head}}
</div>
% include("panels.tpl", panels=panels)
<nav class="tabs" aria-label="About {{name}}">
<a href="{{link("watcher", name=name)}}" aria-current="page">Processes</a>
<a href="{{link("output", name=name)}}">Output</a>
<a href="{{link("options", name=name)}}">Options</a>
<a href="{{link("events", name=name)}}">Events</a>
</nav>
<section class="card charts" aria-label="CPU and memory of the last hour">
<figure><figcaption>CPU <span class="quiet">% of a core, all processes</span> <b><span data-place="sums" data-cell="cpu">{{cells["sums"]["cpu"]}}</span> %</b></figcaption><div class="chart" data-chart="watcher" data-series="cpu" role="img" aria-label="CPU of {{name}} in the last hour"></div></figure>
<figure><figcaption>Memory <span class="quiet">% of the machine</span> <b><span data-place="sums" data-cell="mem">{{cells["sums"]["mem"]}}</span> %</b></figcaption><div class="chart" data-chart="watcher" data-series="mem" role="img" aria-label="Memory of {{name}} in the last hour"></div></figure>
</section>
<section class="card" aria-labelledby="processes-title">
<div class="bar">
<h2 id="processes-title">Processes</h2>
<div class="search"><svg aria-hidden="true"><use href="#i-search"/></svg><input type="search" data-search aria-label="Search processes" placeholder="Search"></div>
</div>
<div class="scroll" tabindex="0" role="region" aria-label="List of processes">
<table class="grid fixed" data-rows>
<thead><tr>
<th scope="col" class="num c-wid"><button type="button" data-sort="wid">Wid</button></th>
<th scope="col" class="num c-pid"><button type="button" data-sort="pid">Pid</button></th>
<th scope="col" class="num c-fig"><button type="button" data-sort="cpu">CPU %</button></th>
<th scope="col" class="wide low-less c-spark"><span class="hide">CPU, the last minutes</span></th>
<th scope="col" class="num c-fig phone-less"><button type="button" data-sort="mem">Mem %</button></th>
<th scope="col" class="num wide c-long"><button type="button" data-sort="rss">Resident</button></th>
<th scope="col" class="num wide mid-less c-long">CPU time</th>
<th scope="col" class="num c-age">Age</th>
<th scope="col" class="wide low-less c-long">User</th>
<th scope="col" class="wide">Program</th>
<th scope="col" class="c-acts c-two"><span class="hide">Actions</span></th>
</tr></thead>
<tbody data-region="processes">
{{rows}}
</tbody>
</table>
</div>
% if rest:
<noscript><p class="note">These are the first 100. <a href="{{link("watcher", name=name, all=1)}}">Show all</a></p></noscript>
% end
<p class="empty" data-none="No process runs."{{!" hidden" if rows else ""}}>No process runs.</p>
</section>
% if not readonly:
<p class="end"><button class="button danger" form="act" name="button" value="{{action("rm", name=name)}}" data-confirm="Stop {{name}} and take it out?" data-then="{{root}}"><svg aria-hidden="true"><use href="#i-trash"/></svg>Remove {{name}}</button></p>
% end
