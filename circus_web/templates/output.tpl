<nav class="tabs" aria-label="About {{name}}">
<a href="{{link("watcher", name=name)}}">Processes</a>
<a href="{{link("output", name=name)}}" aria-current="page">Output</a>
<a href="{{link("options", name=name)}}">Options</a>
<a href="{{link("events", name=name)}}">Events</a>
</nav>
<section class="card" aria-labelledby="output-title">
<div class="bar">
<h2 id="output-title">Last lines{{" of pid " + pid if pid else ""}}</h2>
<div class="search"><svg aria-hidden="true"><use href="#i-search"/></svg><input type="search" data-filter-lines aria-label="Show lines that contain" placeholder="Show lines that contain"></div>
<label class="check"><input type="checkbox" data-follow checked> Follow</label>
<label class="check"><input type="checkbox" data-wrap> Wrap</label>
% if pid:
<a class="button" href="{{link("output", name=name)}}">All of {{name}}</a>
% end
</div>
<p class="flash flash-odd" data-place="output" data-cell="note"{{!"" if note else " hidden"}}>{{note}}</p>
% if note and not readonly and "log_ring" in note:
<p class="ways"><button class="button" form="act" name="button" value="{{action("keep-output", name=name)}}" data-confirm="Processes of {{name}} are replaced. Go on?">Keep the output of {{name}}</button></p>
% end
<div class="output" data-output tabindex="0" role="log" aria-live="off" aria-label="Output">
% for line in lines:
% if "gap" in line:
<div class="line gap">… some lines are missing here …</div>
% else:
<div class="line{{" err" if line["stream"] == "stderr" else ""}}"><span class="who" title="{{line["pid"]}}">{{line["wid"]}}</span>{{line["message"]}}</div>
% end
% end
</div>
</section>
