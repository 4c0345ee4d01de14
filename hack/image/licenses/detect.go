package licenses

import (
	"slices"
	"strings"
)

// A license is known by sentences that no other has. All of them must be in the text.
type signature struct {
	id      string
	phrases []string
	// unless is a phrase that makes it another license.
	unless string
}

const (
	bsdStart       = "redistribution and use in source and binary forms, with or without modification, are permitted"
	bsdEndorsement = "be used to endorse or promote products derived from"
)

var signatures = []signature{
	{id: "Apache-2.0", phrases: []string{"apache license version 2.0, january 2004"}},
	{id: "MIT", phrases: []string{
		"permission is hereby granted, free of charge, to any person obtaining a copy",
		"to use, copy, modify, merge, publish, distribute, sublicense, and/or sell",
	}},
	{id: "BSD-3-Clause", phrases: []string{bsdStart, bsdEndorsement}, unless: "all advertising materials"},
	{id: "BSD-4-Clause", phrases: []string{bsdStart, "all advertising materials"}},
	{id: "BSD-2-Clause", phrases: []string{bsdStart}, unless: bsdEndorsement},
	{id: "ISC", phrases: []string{"permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"}},
	{id: "ISC", phrases: []string{"permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted"}},
	{id: "MPL-2.0", phrases: []string{"mozilla public license version 2.0"}},
	{id: "MPL-2.0", phrases: []string{"mozilla public license, version 2.0"}},
	{id: "AGPL-3.0", phrases: []string{"gnu affero general public license version 3"}},
	{id: "LGPL", phrases: []string{"gnu lesser general public license version"}},
	{id: "GPL", phrases: []string{"gnu general public license version"}},
	{id: "Unlicense", phrases: []string{"this is free and unencumbered software released into the public domain"}},
}

// Detect returns the SPDX identifiers of the licenses whose text this is, in alphabetical order. Case, white space and punctuation around
// line breaks make no difference.
func Detect(text string) []string {
	text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
	// Comment marks at the start of lines, as in some COPYING files.
	text = strings.NewReplacer(" * ", " ", " // ", " ", " # ", " ").Replace(text)
	var found []string
	for _, s := range signatures {
		matches := func(phrase string) bool { return strings.Contains(text, phrase) }
		missing := slices.ContainsFunc(s.phrases, func(phrase string) bool { return !matches(phrase) })
		if !missing && (s.unless == "" || !matches(s.unless)) {
			found = append(found, s.id)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
