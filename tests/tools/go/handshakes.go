// SPDX-License-Identifier: LGPL-2.1-or-later

// A Go program for make check-go, without any mention of ECH but in what it prints. It verifies the server as every Go program does.
//
//	handshakes start                      ends at once
//	handshakes backend ADDRESS            serves HTTP/1.1 and HTTP/2 without TLS
//	handshakes many URL WORKERS EACH      a connection for each request, while the collector runs all the time
//	handshakes names ROUNDS URL...        all of them over one http.Transport, in each round at once
//	handshakes http2 ROUNDS URL...        the same with HTTP/2
//	handshakes shared ADDRESS NAME COUNT  connections that share one tls.Config, at once
//	handshakes run PROGRAM...             runs another program, as most do
//	handshakes exec PROGRAM...            becomes another program
//	handshakes time ADDRESS NAME COUNT    the time of the first handshake, and the median of the following ones
//	handshakes tunnel ADDRESS NAME COUNT  the same through a proxy (CONNECT), over connections of a type of its own
//	handshakes wrapped ADDRESS NAME COUNT the same over connections of a type of its own
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type counts struct {
	sync.Mutex
	done, accepted, failed, connections int
	protocol                            string
	err                                 error
}

func (c *counts) add(accepted bool, protocol string, err error) {
	c.Lock()
	defer c.Unlock()
	if err != nil {
		c.failed++
		c.err = err
		return
	}
	c.done++
	c.protocol = protocol
	if accepted {
		c.accepted++
	}
}

func (c *counts) print(changed bool) {
	fmt.Printf("done %d accepted %d failed %d connections %d protocol %s changed %t %v %s\n", c.done, c.accepted, c.failed,
		c.connections, c.protocol, changed, c.err, runtime.Version())
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return value
}

func get(client *http.Client, url string, c *counts) {
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if !info.Reused {
			c.Lock()
			c.connections++
			c.Unlock()
		}
	}}
	request, err := http.NewRequest("GET", url, nil)
	if err == nil {
		var response *http.Response
		response, err = client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			c.add(response.TLS.ECHAccepted, response.Proto, err)
			return
		}
	}
	c.add(false, "", err)
}

func many(url string, workers, each int) {
	var c counts
	var group sync.WaitGroup
	stop := make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for range each {
				get(&http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}, url, &c)
			}
		}()
	}
	group.Wait()
	close(stop)
	c.print(false)
}

func names(rounds int, urls []string, http2 bool) {
	var c counts
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: http2}
	client := &http.Client{Transport: transport}
	for range rounds {
		var group sync.WaitGroup
		for _, url := range urls {
			group.Add(1)
			go func() {
				defer group.Done()
				get(client, url, &c)
			}()
		}
		group.Wait()
	}
	c.print(config.MinVersion != tls.VersionTLS12 || config.EncryptedClientHelloConfigList != nil)
}

// As a program has it that counts or delays octets.
type wrapper struct{ net.Conn }

var wrap, tunnel bool

// Asks the proxy for port 443 of the name, and takes its answer.
func connect(proxy net.Conn, name string) error {
	if _, err := fmt.Fprintf(proxy, "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", name, name); err != nil {
		return err
	}
	answer, octet := "", make([]byte, 1)
	for !strings.HasSuffix(answer, "\r\n\r\n") {
		if _, err := proxy.Read(octet); err != nil {
			return err
		}
		answer += string(octet)
	}
	return nil
}

func handshake(address string, config *tls.Config, c *counts) time.Duration {
	raw, err := net.Dial("tcp", address)
	if err != nil {
		c.add(false, "", err)
		return 0
	}
	defer raw.Close()
	if tunnel {
		if err := connect(raw, config.ServerName); err != nil {
			c.add(false, "", err)
			return 0
		}
	}
	if wrap {
		raw = &wrapper{raw}
	}
	connection := tls.Client(raw, config)
	begin := time.Now()
	err = connection.Handshake()
	taken := time.Since(begin)
	c.add(connection.ConnectionState().ECHAccepted, "-", err)
	return taken
}

// Reads every field, as reflect.DeepEqual cannot compare functions and locks.
func fingerprint(config *tls.Config) string {
	text := ""
	value := reflect.ValueOf(config).Elem()
	for i := range value.NumField() {
		if value.Type().Field(i).IsExported() {
			text += fmt.Sprintf("%s=%v ", value.Type().Field(i).Name, value.Field(i))
		}
	}
	return text
}

func shared(address, name string, count int) {
	var c counts
	var group sync.WaitGroup
	roots, err := x509.SystemCertPool()
	if err != nil {
		panic(err)
	}
	config := &tls.Config{ServerName: name, RootCAs: roots, MinVersion: tls.VersionTLS12}
	before := fingerprint(config)
	for range count {
		group.Add(1)
		go func() {
			defer group.Done()
			handshake(address, config, &c)
		}()
	}
	group.Wait()
	c.print(fingerprint(config) != before)
}

func median(address, name string, count int) {
	var c counts
	var times []time.Duration
	first := handshake(address, &tls.Config{ServerName: name}, &c) // it finds the config
	for range count {
		times = append(times, handshake(address, &tls.Config{ServerName: name}, &c))
	}
	slices.Sort(times)
	fmt.Printf("first %d us, median %d us\n", first.Microseconds(), times[count/2].Microseconds())
	c.print(false)
}

// Go 1.23 has no HTTP/2 without TLS.
func protocols(server *http.Server) reflect.Value {
	return reflect.ValueOf(server).Elem().FieldByName("Protocols")
}

func backend(address string) {
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello")
	})}
	if field := protocols(server); field.IsValid() {
		field.Set(reflect.New(field.Type().Elem()))
		for _, name := range []string{"SetHTTP1", "SetUnencryptedHTTP2"} {
			field.MethodByName(name).Call([]reflect.Value{reflect.ValueOf(true)})
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	panic(server.Serve(listener))
}

func main() {
	arguments := os.Args[2:]
	switch os.Args[1] {
	case "start":
	case "can-http2":
		fmt.Println(protocols(&http.Server{}).IsValid())
	case "backend":
		backend(arguments[0])
	case "many":
		many(arguments[0], number(arguments[1]), number(arguments[2]))
	case "names", "http2":
		names(number(arguments[0]), arguments[1:], os.Args[1] == "http2")
	case "shared":
		shared(arguments[0], arguments[1], number(arguments[2]))
	case "run":
		command := exec.Command(arguments[0], arguments[1:]...)
		command.Stdout, command.Stderr = os.Stdout, os.Stderr
		fmt.Println(command.Run())
	case "exec":
		fmt.Println(syscall.Exec(arguments[0], arguments, os.Environ()))
	case "time", "wrapped", "tunnel":
		wrap, tunnel = os.Args[1] != "time", os.Args[1] == "tunnel"
		median(arguments[0], arguments[1], number(arguments[2]))
	default:
		os.Exit(2)
	}
}
