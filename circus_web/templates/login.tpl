<h1>Log in</h1>
% if error:
<p class="flash flash-error" role="alert">{{error}}</p>
% end
<form method="post" action="{{root}}login" class="stack">
<input type="hidden" name="next" value="{{next}}">
% if takes_password:
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
% else:
<p>This console lets in who has a one-time link. It was printed when the console started;
<code>circusctl console-link</code> prints a new one.</p>
<label for="password">Link or token</label>
<input id="password" name="password" type="text" autocomplete="off" spellcheck="false" required autofocus>
% end
<button class="button primary">Log in</button>
</form>
