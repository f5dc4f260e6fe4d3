<meta http-equiv="refresh" content="0; url={{to}}">
<p><a class="button" href="{{to}}">Continue</a></p>
