% if not endpoint:
<h1>{{title}}</h1>
% end
<p class="flash flash-error" role="alert">{{text}}</p>
<p><a class="button" href="{{back}}">Back to the first page</a></p>
