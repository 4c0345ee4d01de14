// Package story tells what happened to one user, group or record: what the client sent, what is stored, what each rule made of
// it, who set each field, what is wrong now and what to do about it. It is data for those who show it to people: no HTML, no
// columns, nothing written.
package story
