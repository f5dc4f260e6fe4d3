% for title, region, html in panels:
<section class="card panel" data-panel{{!"" if html else " hidden"}}>
<h2>{{title}}</h2>
<div data-html="{{region}}">{{html}}</div>
</section>
% end
