// The live console: everything here adds to pages that work without it.
import { startLive } from "./live.js";
import { startActions } from "./actions.js";
import { startCharts } from "./charts.js";
import { startKeys } from "./keys.js";
import { startTables } from "./tables.js";
import { startOutput } from "./output.js";
import { startForms } from "./forms.js";

startTables();
startActions();
startKeys();
startOutput();
startForms();
startCharts();
startLive();
