<svg class="sprite" aria-hidden="true" focusable="false">
<symbol id="i-tent" viewBox="0 0 24 24"><path d="M12 2v3M12 5c-1.5 4-5 6.5-9 7.5V21h6.5c1-2 2-4.5 2.5-8 .5 3.500 1.500 6 2.500 8H21v-8.500c-4-1-7.500-3.500-9-7.500zM12 2l4 1.300L12 4.600"/></symbol>
<symbol id="i-list" viewBox="0 0 24 24"><path d="M4 6h16M4 12h16M4 18h16"/></symbol>
<symbol id="i-sockets" viewBox="0 0 24 24"><path d="M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4"/></symbol>
<symbol id="i-extensions" viewBox="0 0 24 24"><path d="M4 9h4a2.500 2.500 0 1 1 4 0h4v4a2.500 2.500 0 1 1 0 4v4H4z"/></symbol>
<symbol id="i-page" viewBox="0 0 24 24"><path d="M6 3h9l4 4v14H6zM15 3v4h4"/></symbol>
<symbol id="i-events" viewBox="0 0 24 24"><path d="M3 12h4l3 8 4-16 3 8h4"/></symbol>
<symbol id="i-plus" viewBox="0 0 24 24"><path d="M12 5v14M5 12h14"/></symbol>
<symbol id="i-minus" viewBox="0 0 24 24"><path d="M5 12h14"/></symbol>
<symbol id="i-restart" viewBox="0 0 24 24"><path d="M20 11a8 8 0 1 0-2.300 6.200M20 4v7h-7"/></symbol>
<symbol id="i-reload" viewBox="0 0 24 24"><path d="M4 12a8 8 0 0 1 14-5.300L20 9M20 4v5h-5M20 12a8 8 0 0 1-14 5.300L4 15M4 20v-5h5"/></symbol>
<symbol id="i-kill" viewBox="0 0 24 24"><path d="M6 6l12 12M18 6L6 18"/></symbol>
<symbol id="i-output" viewBox="0 0 24 24"><path d="M4 5h16v14H4zM7 9l3 3-3 3M12 15h5"/></symbol>
<symbol id="i-options" viewBox="0 0 24 24"><path d="M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4"/></symbol>
<symbol id="i-trash" viewBox="0 0 24 24"><path d="M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6"/></symbol>
<symbol id="i-theme" viewBox="0 0 24 24"><path d="M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z"/></symbol>
<symbol id="i-keys" viewBox="0 0 24 24"><path d="M3 6h18v12H3zM7 10h0M11 10h0M15 10h0M8 14h8"/></symbol>
<symbol id="i-out" viewBox="0 0 24 24"><path d="M14 4H5v16h9M10 12h11M17 8l4 4-4 4"/></symbol>
<symbol id="i-search" viewBox="0 0 24 24"><path d="M10.500 4a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13zM15.500 15.500L20 20"/></symbol>
</svg>
