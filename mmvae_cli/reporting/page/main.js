setUpTheme();
setUpPrint();
followSections();
setUpMaps();
setUpScatter();
setUpTable();
document.documentElement.dataset.ready = "true";
