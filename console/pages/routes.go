package pages

// routes are the pages and actions of a namespace.
func (s *server) routes() map[string]handler {
	return map[string]handler{}
}
