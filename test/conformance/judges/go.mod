module judges

go 1.22
