// Package analyze judges the resolved mesh: it tells what in a configuration is wrong or will surprise.
//
// An Analyzer looks at the mesh through its Pass, which hands out objects (as they are written) and facts (as they were
// resolved, by the library that the control plane runs), and notes which kinds it read. What an analyzer cannot know,
// because the input holds no object of a kind at all, it leaves open and says so, instead of guessing: see Pass.Knows.
//
// The package is pure. The analyzers are in its subfolders, one for each subject; package catalog lists them.
package analyze
