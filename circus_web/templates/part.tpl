<section class="card"><div data-html="{{key}}">{{part}}</div></section>
