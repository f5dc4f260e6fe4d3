% for kind, text in flashes:
<p class="flash flash-{{kind}}" role="status">{{text}}</p>
% end
