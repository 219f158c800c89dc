-- Every row of the table, once: what a full scan costs.
SELECT count(*) AS rows, sum(on_hand) AS units
FROM ice.${namespace}.inventory
WHERE store_id > 0 AND sku_id < 9000001 AND NOT deleted;
