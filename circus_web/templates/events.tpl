% if name:
<nav class="tabs" aria-label="About {{name}}">
<a href="{{link("watcher", name=name)}}">Processes</a>
<a href="{{link("output", name=name)}}">Output</a>
<a href="{{link("options", name=name)}}">Options</a>
<a href="{{link("events", name=name)}}" aria-current="page">Events</a>
</nav>
% end
<section class="card" aria-labelledby="events-title">
<div class="bar">
<h2 id="events-title">What happened{{" to " + name if name else ""}}</h2>
<div class="search"><svg aria-hidden="true"><use href="#i-search"/></svg><input type="search" data-search aria-label="Search events" placeholder="Search"></div>
</div>
<div class="scroll" tabindex="0" role="region" aria-label="Events">
<table class="grid dense" data-rows data-newest-first>
<thead><tr><th scope="col">Time</th><th scope="col">Watcher</th><th scope="col">Event</th><th scope="col">Details</th></tr></thead>
<tbody data-region="events">
{{rows}}
</tbody>
</table>
</div>
<p class="empty" data-none="Nothing happened since the console began to look."{{!" hidden" if rows else ""}}>Nothing happened since the console began to look.</p>
<p class="note">The newest 300 since the console began to look are kept.</p>
</section>
