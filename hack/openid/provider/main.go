// Command provider is the OpenID Connect provider of package openid as a program of its own, for hack/neighbours/login.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"rservice.dev/scim-operator/hack/openid"
)

func main() {
	address := flag.String("address", "", "host and port to listen on, which are those of the issuer")
	console := flag.String("console", "", "URL of the console")
	cert := flag.String("cert", "", "file of the certificate")
	key := flag.String("key", "", "file of its key")
	flag.Parse()
	server := &http.Server{Addr: *address, Handler: openid.NewProvider("https://"+*address, *console), ReadHeaderTimeout: 10 * time.Second}
	if err := server.ListenAndServeTLS(*cert, *key); err != nil {
		fmt.Fprintln(os.Stderr, "provider:", err)
		os.Exit(1)
	}
}
