// Reads recorded bytes as net/http does: one JSON line with bytes in, one line with the messages in them out.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"sort"
	"strings"
)

type message struct {
	Method   string      `json:"method"`
	Target   string      `json:"target"`
	Host     string      `json:"host"`
	Body     string      `json:"body"`
	Trailers [][2]string `json:"trailers"`
	Whole    bool        `json:"whole"`
}

type reading struct {
	Messages []message `json:"messages"`
	Problem  string    `json:"problem"`
}

func pairs(header http.Header) [][2]string {
	list := [][2]string{}
	for name, values := range header {
		for _, value := range values {
			list = append(list, [2]string{strings.ToLower(name), encode([]byte(value))})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i][0] < list[j][0] })
	return list
}

// One byte of the message becomes one character, as on the other side.
func encode(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

func read(data []byte) reading {
	result := reading{Messages: []message{}}
	source := bufio.NewReaderSize(bytes.NewReader(data), 1<<20)
	for {
		if _, err := source.Peek(1); err == io.EOF {
			return result
		}
		request, err := http.ReadRequest(source)
		if err != nil {
			result.Problem = err.Error()
			return result
		}
		body, err := io.ReadAll(request.Body)
		result.Messages = append(result.Messages, message{
			Method: request.Method, Target: encode([]byte(request.RequestURI)), Host: request.Host,
			Body: encode(body), Trailers: pairs(request.Trailer), Whole: err == nil,
		})
		if err != nil {
			result.Problem = err.Error()
			return result
		}
	}
}

func main() {
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	output := json.NewEncoder(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if len(line) > 1 {
			data, problem := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
			if problem != nil {
				panic(problem)
			}
			if problem := output.Encode(read(data)); problem != nil {
				panic(problem)
			}
		}
		if err == io.EOF {
			return
		}
	}
}
